using System.Globalization;
using Kosmos2.Engine;
using Kosmos2.Engine.Measurement;

namespace Kosmos2.Bench;

/// <summary>Every benchmark once, with the comparison of results that each setup makes; the whole model is the shipped one.</summary>
internal static class Smoke
{
    /// <returns>Whether nothing was faster than the machine can be, and no product slower than half of what is stated.</returns>
    public static bool Run(TextWriter output)
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
        VersusCublas.Run(output, turns: 1);
        using var rows = new RowBenchmarks();
        rows.LayerNorm();
        rows.VisionAttention();
        rows.GeluLayer();
        rows.Softmax();
        rows.TensorsSoftmax();
        output.WriteLine("layer norm, attention, GELU, softmax: ran");
        using var selection = new SelectionBenchmarks();
        selection.Likeliest();
        selection.All();
        selection.TopK();
        selection.TopP();
        selection.Sorted();
        output.WriteLine("choice of a token: ran");
        CachedAttentionVersus.Run(output, sequences: 3, keys: 100, turns: 1);
        new TokenizerBenchmarks().Encode();
        output.WriteLine("tokenizer: ran");
        BenchReport model = ModelBench.Run(ShippedModel.Folder, new EngineOptions { Device = "cpu" }, turns: 1);
        foreach (BenchFigure figure in model.Figures)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"model, {figure.Name}: {figure.Seconds * 1e3:F1} ms{(figure.Share is double share ? $", {100 * share:F0}% of the limit" : "")}"));
        foreach (string failure in model.Failures)
            output.WriteLine($"model, {failure}");
        bool products = ProductSmoke.Run(output);
        return products && !model.Failures.Any();
    }
}
