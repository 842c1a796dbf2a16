namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>A product of KOSMOS-2: [Rows, Inputs] times a weight [Outputs, Inputs], transposed.</summary>
internal readonly record struct ProductShape(int Rows, int Outputs, int Inputs)
{
    private static readonly int[] Rows1To252 = [1, 4, 16, 72, 252];

    /// <summary>Every weight of the model at 1, 4 and 16 sequences, a prompt of 72 and a picture of 252 rows; the head sees no prompts.</summary>
    public static IEnumerable<ProductShape> OfTheModel =>
        from weight in new[] { (1024, 1024), (4096, 1024), (1024, 4096), (2048, 1024), (2048, 2048), (8192, 2048), (2048, 8192), (65037, 2048) }
        from rows in Rows1To252
        where weight.Item1 < 65037 || rows <= 16
        select new ProductShape(rows, weight.Item1, weight.Item2);

    /// <summary>One of each kind: bound by memory, between, and bound by arithmetic.</summary>
    public static IEnumerable<ProductShape> ForSmoke => [new(1, 1024, 1024), new(4, 1024, 1024), new(72, 1024, 1024)];

    /// <summary>Multiplications and additions.</summary>
    public double Operations => 2.0 * Rows * Outputs * Inputs;

    public override string ToString() => $"{Rows}x{Outputs}x{Inputs}";
}
