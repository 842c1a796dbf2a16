namespace Kosmos2.Bench;

/// <summary>Every benchmark once, with the comparison of results that each setup makes.</summary>
internal static class Smoke
{
    public static void Run(TextWriter output)
    {
        foreach (MatMulShape shape in MatMulShape.All)
        {
            using var matmul = new MatMulBenchmarks { Shape = shape, Threads = 2 };
            matmul.Setup();
            matmul.Ours();
            matmul.OursCompiled();
            matmul.OnnxRuntime();
            output.WriteLine($"matmul {shape}: ran");
        }
        using var rows = new RowBenchmarks();
        rows.LayerNorm();
        rows.VisionAttention();
        rows.GeluLayer();
        rows.Softmax();
        rows.TensorsSoftmax();
        output.WriteLine("layer norm, attention, GELU, softmax: ran");
        new TokenizerBenchmarks().Encode();
        output.WriteLine("tokenizer: ran");
    }
}
