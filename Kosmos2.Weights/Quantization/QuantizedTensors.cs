using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// Reads a module's quantized weight out of a checkpoint: <c>weight</c> or <c>weight_packed</c>, <c>weight_scale</c>, <c>weight_zero_point</c> and
/// <c>weight_shape</c>, each held against the configuration before it is used.
/// </summary>
/// <param name="checkpoint">The tensors.</param>
/// <param name="entry">The weight.</param>
/// <param name="scheme">How the configuration says it is stored.</param>
internal sealed class QuantizedTensors(Checkpoint checkpoint, CatalogEntry entry, QuantizationScheme scheme)
{
    private static readonly string[] Parts = ["weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx"];

    private readonly long _rows = entry.Shape[0];
    private readonly long _width = entry.Shape[1];
    private readonly int _groupSize = scheme.GroupSizeOf(entry.Shape[1]);

    /// <summary>Names of the tensors that quantization may put in a weight's place or beside it.</summary>
    public static IEnumerable<string> PartsOf(string module) => Parts.Select(part => $"{module}.{part}");

    private long Groups => (_width + _groupSize - 1) / _groupSize;

    /// <summary>The name of the tensor with the integers.</summary>
    private string ValuesName => scheme.Bits == 8 ? entry.Name : $"{entry.Module}.weight_packed";

    /// <summary>Throws unless all parts are there and fit. Reads only the two numbers of <c>weight_shape</c>.</summary>
    public void Check()
    {
        if (checkpoint.TryGet($"{entry.Module}.weight_g_idx", out _))
            throw checkpoint.Problem($"{entry.Module}.weight_g_idx", "orders the columns of groups, which is not supported");
        if (scheme.GroupSize > 0 && _width > scheme.GroupSize && _width % scheme.GroupSize != 0)
            throw checkpoint.Problem(ValuesName, $"has rows of {_width}, which groups of {scheme.GroupSize} do not divide");
        Require(ValuesName, scheme.Bits == 8 ? [DType.I8] : [DType.I32], new Shape(_rows, scheme.Bits == 8 ? _width : (_width + 7) / 8));
        Require($"{entry.Module}.weight_scale", [DType.F32, DType.F16, DType.BF16], new Shape(_rows, Groups));
        if (!scheme.Symmetric)
        {
            Shape zeros = scheme.Bits == 8 ? new Shape(_rows, Groups) : new Shape((_rows + 7) / 8, Groups);
            Require($"{entry.Module}.weight_zero_point", scheme.Bits == 8 ? [DType.I8] : [DType.I32], zeros);
        }

        if (scheme.Bits == 4)
            CheckStoredShape();
    }

    /// <summary>The matrix: its integers are a view of the file, its scales too where they are F32; the rest it owns.</summary>
    public QuantizedMatrix Read()
    {
        Check();
        Tensor scales = Floats.ToF32(checkpoint[$"{entry.Module}.weight_scale"]);
        Tensor? zeros = scheme.Symmetric ? null : ReadZeroPoints();
        return new QuantizedMatrix(entry.Shape, scheme.Bits, _groupSize, checkpoint[ValuesName], scales, zeros);
    }

    private void Require(string name, DType[] types, Shape shape)
    {
        string expected = $"{string.Join(" or ", types)} {shape}";
        if (!checkpoint.TryGet(name, out Tensor? tensor))
            throw checkpoint.Problem(name, $"is missing; {scheme} asks for {expected}");
        if (!types.Contains(tensor.DType) || !tensor.Shape.Equals(shape))
            throw checkpoint.Problem(name, $"is {tensor}; {scheme} asks for {expected}");
    }

    private void CheckStoredShape()
    {
        string name = $"{entry.Module}.weight_shape";
        Require(name, [DType.I64, DType.I32], new Shape(2));
        Tensor stored = checkpoint[name];
        long[] shape = stored.DType == DType.I64 ? stored.AsSpan<long>().ToArray() : Array.ConvertAll(stored.AsSpan<int>().ToArray(), n => (long)n);
        if (shape[0] != _rows || shape[1] != _width)
            throw checkpoint.Problem(name, $"says [{shape[0]}, {shape[1]}]; the configuration asks for {entry.Shape}");
    }

    // Those of 4 bits are packed as the weights are, but down the columns: element o is nibble o % 8 of row o / 8.
    private Tensor ReadZeroPoints()
    {
        Tensor stored = checkpoint[$"{entry.Module}.weight_zero_point"];
        if (scheme.Bits == 8)
            return stored;
        int groups = checked((int)Groups);
        Tensor zeros = Tensor.OnHost(DType.I8, _rows, groups);
        ReadOnlySpan<int> words = stored.AsSpan<int>();
        Span<sbyte> values = zeros.AsSpan<sbyte>();
        for (int i = 0; i < values.Length; i++)
        {
            int row = i / groups;
            values[i] = (sbyte)(((words[(row / 8 * groups) + (i % groups)] >> (row % 8 * 4)) & 15) - 8);
        }

        return zeros;
    }
}
