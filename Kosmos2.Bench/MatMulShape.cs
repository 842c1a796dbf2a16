namespace Kosmos2.Bench;

/// <summary>A product of KOSMOS-2: [Rows, Inputs] times the transposed weight [Outputs, Inputs].</summary>
public sealed record MatMulShape(string Where, int Rows, int Outputs, int Inputs)
{
    /// <summary>The shapes that the bar against ONNX Runtime is set at.</summary>
    public static MatMulShape[] Bar { get; } =
    [
        new("vision projection", 252, 1024, 1024),
        new("text fc1, prompt", 72, 8192, 2048),
    ];

    /// <summary>Those and the others that take most of the time.</summary>
    public static MatMulShape[] All { get; } =
    [
        .. Bar,
        new("vision fc1", 252, 4096, 1024),
        new("text fc2, prompt", 72, 2048, 8192),
        new("text fc1, decode", 1, 8192, 2048),
        new("text fc1, four sequences", 4, 8192, 2048),
        new("text fc1, sixteen sequences", 16, 8192, 2048),
    ];

    /// <summary>Multiplications and additions.</summary>
    public double Operations => 2.0 * Rows * Outputs * Inputs;

    /// <summary>Bytes of the weight.</summary>
    public double WeightBytes => 4.0 * Outputs * Inputs;

    public override string ToString() => $"{Rows}x{Outputs}x{Inputs}";
}
