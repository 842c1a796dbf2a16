using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>Attention without mask over random operands, by the text and by the oracle, which takes queries, keys and values rounded as the text rounds them.</summary>
internal sealed record AttentionCase(int Queries, int Keys, int HeadSize = 64, int Heads = 1, int Batch = 1, bool Shared = false, float Sharpness = 1)
{
    private int Width => Heads * HeadSize;

    public float Scale => Sharpness / MathF.Sqrt(HeadSize);

    public float[] Q => Samples.Normal(1, (Shared ? 1 : Batch) * Queries, Width);

    public float[] K => Samples.Normal(2, Batch * Keys, Width);

    public float[] V => Samples.Normal(3, Batch * Keys, Width);

    /// <summary>Runs a text; y begins as NaN, so that what is never written shows.</summary>
    /// <param name="text">That of <see cref="AttentionText.Write(int, PtxTarget)"/>, or a changed one.</param>
    /// <param name="conflicts">Bank conflicts by kind of access.</param>
    public float[] Run(string text, out IReadOnlyDictionary<string, int> conflicts)
    {
        var memory = new PtxGlobalMemory();
        ulong q = memory.Add(Q), k = memory.Add(K), v = memory.Add(V), y = memory.Add(Enumerable.Repeat(float.NaN, Batch * Queries * Width).ToArray());
        var machine = new PtxMachine(PtxProgram.Parse(text), memory, AttentionTile.SharedBytes);
        var blocks = new LaunchGrid((Queries + AttentionTile.Queries - 1) / AttentionTile.Queries, Heads, Batch);
        machine.Launch(
            blocks, q, k, v, y, (ulong)Queries, (ulong)Keys, (ulong)(Width * sizeof(float)), Shared ? 0 : (ulong)Queries, BitConverter.SingleToUInt32Bits(Scale));
        conflicts = machine.Conflicts;
        return memory.Read<float>(y);
    }

    /// <summary>The oracle's result.</summary>
    /// <param name="rounded">Whether it gets the operands as the text rounds them.</param>
    public float[] Expected(bool rounded = true)
    {
        using var reference = new ReferenceBackend();
        using var bench = new Workbench(reference);
        float log2 = Scale * 1.44269504f;
        Tensor y = bench.Result(Batch * Queries, Width);
        Tensor Operand(float[] values) => bench.Floats(values, values.Length / Width, Width);
        // Queries are scaled before they are rounded.
        float[] q = Array.ConvertAll(Q, x => Rounded(x * log2) / log2);
        reference.Attention(Operand(rounded ? q : Q), Operand(Array.ConvertAll(K, Rounded)), Operand(Array.ConvertAll(V, Rounded)), y, Batch, Heads, Scale);
        return bench.Read(y);

        float Rounded(float value) => rounded ? BFloat16.FromBits(BFloat16.ToBits(value)) : value;
    }
}
