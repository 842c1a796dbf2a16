using Kosmos2.Kernels;

namespace Kosmos2.Engine.Measurement;

/// <summary>What is asked of a card: of decoding and of a picture with the full-size model, of products beside cuBLAS.</summary>
internal static class DeviceBars
{
    // Of rows, outputs and inputs.
    private const int ProductSize = 4096;

    /// <summary>The bars, whatever could be measured.</summary>
    /// <param name="bandwidth">Bytes that the device reads a second.</param>
    /// <param name="bfloat16">The model with BF16 weights.</param>
    /// <param name="int8">With those of 8 bits.</param>
    /// <param name="products">Products beside cuBLAS.</param>
    public static IReadOnlyList<Bar> Of(
        Measured<double> bandwidth, Measured<BenchReport> bfloat16, Measured<BenchReport> int8, Measured<IReadOnlyList<ProductFigure>> products) =>
    [
        new("a token of 1 sequence, BF16, of the measured reading", Reading(bfloat16, bandwidth), 82, "%"),
        new("a token of 1 sequence, INT8, of the measured reading", Reading(int8, bandwidth), 70, "%"),
        new("encoding a picture and prefill, BF16", bfloat16.Then(report => new Measured<double>(1e3 * report.Answer.FirstToken)), 4, " ms", IsCeiling: true),
        new("4096 x 4096 x 4096, BF16, of cublasGemmEx", OfCublas(products, DType.BF16), 60, "%"),
        new("4096 x 4096 x 4096, F32, of cuBLAS", OfCublas(products, DType.F32), 90, "%"),
        new("tokens a second of 64 sequences, BF16, of those of 1", bfloat16.Then(report => new Measured<double>(Tokens(report, 64) / Tokens(report, 1))), 30, "x"),
    ];

    private static Measured<double> Reading(Measured<BenchReport> model, Measured<double> bandwidth) =>
        model.Then(report => bandwidth.Then(bytes => new Measured<double>(100 * Decode(report, 1).BytesPerSecond / bytes)));

    private static Measured<double> OfCublas(Measured<IReadOnlyList<ProductFigure>> products, DType type) => products.Then(figures =>
        figures.SingleOrDefault(figure => (figure.Rows, figure.Outputs, figure.Inputs, figure.Type) == (ProductSize, ProductSize, ProductSize, type)) switch
        {
            null => new Measured<double>(0, "there is no CUDA device"),
            { Share: double share } => new Measured<double>(100 * share),
            _ => new Measured<double>(0, "libcublas is not found"),
        });

    private static double Tokens(BenchReport report, int sequences) => sequences / Decode(report, sequences).Seconds;

    private static BenchFigure Decode(BenchReport report, int sequences) => report.Figures.Single(figure => figure.Name == $"decode {sequences}");
}
