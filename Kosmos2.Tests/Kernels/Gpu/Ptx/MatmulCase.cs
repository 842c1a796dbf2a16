using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>One product with random operands, for a matmul's text and for the oracle.</summary>
internal sealed record MatmulCase(int Rows, int Inputs, int Outputs, DType Type, Activation Activation = Activation.Identity, bool Bias = true, bool Residual = true)
{
    public float[] X => Widened(Samples.Normal(1, Rows, Inputs));

    public float[] W => Widened(Array.ConvertAll(Samples.Normal(2, Outputs, Inputs), v => v / MathF.Sqrt(Math.Max(Inputs, 1))));

    public float[]? B => Bias ? Samples.Normal(3, Outputs) : null;

    private float[]? R => Residual ? Samples.Normal(4, Rows, Outputs) : null;

    /// <summary>Runs a text; y begins as NaN, so that what is never written shows.</summary>
    /// <param name="text">The text of <see cref="MatmulText.Write"/>, or a changed one.</param>
    /// <param name="tile">Its tile.</param>
    /// <param name="conflicts">Bank conflicts by kind of access.</param>
    public float[] Run(string text, MatmulTile tile, out IReadOnlyDictionary<string, int> conflicts)
    {
        var memory = new PtxGlobalMemory();
        ulong x = memory.Add(Array.ConvertAll(X, Narrow)), w = memory.Add(Array.ConvertAll(W, Narrow));
        return Run(text, memory, x, w, new LaunchGrid(tile.Count(Rows, Outputs), tile.Splits), tile.SharedBytes, out conflicts);
    }

    /// <summary>Runs a text of <see cref="FloatMatmulText.Write"/>, which takes the rows in F32.</summary>
    public float[] RunExact(string text, FloatTile tile, out IReadOnlyDictionary<string, int> conflicts)
    {
        var memory = new PtxGlobalMemory();
        ulong x = memory.Add(X), w = Type == DType.F32 ? memory.Add(W) : memory.Add(Array.ConvertAll(W, Narrow));
        return Run(text, memory, x, w, tile.Blocks(Rows, Outputs), tile.SharedBytes, out conflicts);
    }

    private float[] Run(string text, PtxGlobalMemory memory, ulong x, ulong w, LaunchGrid blocks, int sharedBytes, out IReadOnlyDictionary<string, int> conflicts)
    {
        ulong bias = B is { } b ? memory.Add(b) : 0, residual = R is { } r ? memory.Add(r) : 0;
        ulong y = memory.Add(Enumerable.Repeat(float.NaN, Rows * Outputs).ToArray());
        var machine = new PtxMachine(PtxProgram.Parse(text), memory, sharedBytes);
        machine.Launch(blocks, x, w, bias, residual, y, (ulong)Rows, (ulong)Inputs, (ulong)Outputs, (ulong)Activation, 0, 0, 0, 0, 0, 0);
        conflicts = machine.Conflicts;
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

    private float[] Widened(float[] values) => Array.ConvertAll(values, v => Type == DType.F32 ? v : Type == DType.F16
        ? (float)(Half)v
        : BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(v) & 0xffff0000));

    private ushort Narrow(float value) => Type == DType.F16
        ? BitConverter.HalfToUInt16Bits((Half)value)
        : (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
}
