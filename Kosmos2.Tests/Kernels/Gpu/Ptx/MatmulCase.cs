using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>One product with random operands, for a matmul's text and for the oracle. Small integers have a scale, and perhaps a zero point, for each group of inputs.</summary>
internal sealed record MatmulCase(
    int Rows, int Inputs, int Outputs, MatmulTypes Types, Activation Activation = Activation.Identity, bool Bias = true, bool Residual = true, int GroupSize = 0, bool Zeros = false)
{
    public DType Type => Types.Weight;

    public float[] X => Types.AreBytes ? [.. Given.Chunk(ByteRowsText.GroupInputs).SelectMany(group => Samples.InBytes(group))] : Widened(Given);

    public float[] W => IsInteger ? Dequantized() : Widened(Array.ConvertAll(Samples.Normal(2, Outputs, Inputs), v => v / MathF.Sqrt(Math.Max(Inputs, 1))));

    public float[]? B => Bias ? Samples.Normal(3, Outputs) : null;

    private float[] Given => Samples.Normal(1, Rows, Inputs);

    private bool IsInteger => Type is DType.I8 or DType.I32;

    private int Groups => Types.AreBytes ? 1 : IsInteger ? (Inputs + GroupSize - 1) / GroupSize : 0;

    // All values that the bits can hold.
    private sbyte[] Integers => Type == DType.I8
        ? [.. Enumerable.Range(0, Outputs * Inputs).Select(i => (sbyte)(i * 37))]
        : [.. Enumerable.Range(0, Outputs * Inputs).Select(i => (sbyte)((i * 7 % 16) - 8))];

    private float[] Scales => Array.ConvertAll(Samples.Normal(5, Outputs, Groups), v => v / (Type == DType.I8 ? 100 : 8) / MathF.Sqrt(Inputs));

    private sbyte[]? ZeroPoints => !Zeros ? null
        : [.. Enumerable.Range(0, Outputs * Groups).Select(i => Type == DType.I8 ? (sbyte)((i * 51) - 128) : (sbyte)((i * 5 % 16) - 8))];

    private float[]? R => Residual ? Samples.Normal(4, Rows, Outputs) : null;

    /// <summary>Runs a text; y begins as NaN, so that what is never written shows.</summary>
    /// <param name="text">The text of <see cref="MatmulText.Write"/>, or a changed one.</param>
    /// <param name="tile">Its tile.</param>
    /// <param name="conflicts">Bank conflicts by kind of access.</param>
    public float[] Run(string text, MatmulTile tile, out IReadOnlyDictionary<string, int> conflicts)
    {
        var memory = new PtxGlobalMemory();
        ulong x = Types.AreBytes ? Rounded(memory, Given, Rows, Inputs) : memory.Add(Array.ConvertAll(X, Narrow)), w = Type switch
        {
            DType.I8 => memory.Add(Integers),
            DType.I32 => memory.Add(Integers.Chunk(8).Select(eight => (uint)eight.Select((q, place) => (long)(q + 8) << (4 * place)).Sum()).ToArray()),
            _ => memory.Add(Array.ConvertAll(W, Narrow)),
        };
        float[] y = Run(text, memory, x, w, new LaunchGrid(tile.Count(Rows, Outputs), tile.Splits), tile.SharedBytes, out PtxMachine machine);
        conflicts = machine.Conflicts;
        return y;
    }

    /// <summary>Runs a text of <see cref="FloatMatmulText.Write"/>, which takes the rows in F32.</summary>
    public float[] RunExact(string text, FloatTile tile, out PtxMachine machine)
    {
        var memory = new PtxGlobalMemory();
        ulong x = memory.Add(X), w = Type == DType.F32 ? memory.Add(W) : memory.Add(Array.ConvertAll(W, Narrow));
        return Run(text, memory, x, w, tile.Blocks(Rows, Outputs), tile.SharedBytes, out machine);
    }

    /// <summary>Rows rounded to bytes by the kernel that does so, with their scales.</summary>
    public static ulong Rounded(PtxGlobalMemory memory, float[] x, int rows, int inputs)
    {
        ulong given = memory.Add(x), rounded = memory.Add(new byte[ByteRowsText.Size(rows, inputs)]);
        new PtxMachine(PtxProgram.Parse(ByteRowsText.Write(norm: false, PtxTarget.Ampere)), memory, ByteRowsText.SharedBytes)
            .Launch(rows, given, rounded, (ulong)rows, (ulong)(inputs / ByteRowsText.GroupInputs));
        return rounded;
    }

    private float[] Run(string text, PtxGlobalMemory memory, ulong x, ulong w, LaunchGrid blocks, int sharedBytes, out PtxMachine machine)
    {
        ulong bias = B is { } b ? memory.Add(b) : 0, residual = R is { } r ? memory.Add(r) : 0;
        ulong y = memory.Add(Enumerable.Repeat(float.NaN, Rows * Outputs).ToArray());
        ulong scales = IsInteger ? memory.Add(Scales) : 0, zeros = IsInteger && ZeroPoints is { } z ? memory.Add(z) : 0;
        machine = new PtxMachine(PtxProgram.Parse(text), memory, sharedBytes);
        ulong[] arguments = [x, residual, (ulong)Rows, (ulong)(Inputs / Types.Packed), (ulong)Outputs, (ulong)Activation, (ulong)GroupSize, (ulong)Groups, w, bias, y, scales, zeros];
        machine.Launch(blocks, [.. arguments, .. new ulong[2 * 5]]);
        return memory.Read<float>(y);
    }

    /// <summary>The oracle's result over the rounded operands.</summary>
    public float[] Expected()
    {
        using var reference = new ReferenceBackend();
        using var bench = new Workbench(reference);
        Tensor y = bench.Result(Rows, Outputs);
        var layer = new LinearParameters(bench.Weight(W, DType.F32, Outputs, Inputs), B is { } b ? bench.Floats(b, Outputs) : null);
        reference.Linear(bench.Floats(X, Rows, Inputs), layer, y, Activation, R is { } r ? bench.Floats(r, Rows, Outputs) : null);
        return bench.Read(y);
    }

    // (q - zero) * scale in F32, rounded to BF16 where W is widened.
    private float[] Dequantized()
    {
        (sbyte[] integers, float[] scales, sbyte[]? zeros) = (Integers, Scales, ZeroPoints);
        return [.. integers.Select((q, i) =>
        {
            int group = (i / Inputs * Groups) + (Types.AreBytes ? 0 : i % Inputs / GroupSize);
            float value = (q - (zeros?[group] ?? 0)) * scales[group];
            return Types.AreBytes ? value : BFloat16.FromBits(BFloat16.ToBits(value));
        })];
    }

    private float[] Widened(float[] values) => Array.ConvertAll(values, v => Type == DType.F32 ? v : Type == DType.F16
        ? (float)(Half)v
        : BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(v) & 0xffff0000));

    private ushort Narrow(float value) => Type == DType.F16
        ? BitConverter.HalfToUInt16Bits((Half)value)
        : (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
}
