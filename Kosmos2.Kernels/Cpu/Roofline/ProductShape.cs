namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>A product of KOSMOS-2: [Rows, Inputs] times a weight [Outputs, Inputs], transposed.</summary>
internal readonly record struct ProductShape(int Rows, int Outputs, int Inputs)
{
    private static readonly int[] AnyRows = [1, 4, 8, 16, 64, 65, 72, 252, 340];
    private static readonly (int Outputs, int Inputs)[] Layers = [(1024, 1024), (4096, 1024), (1024, 4096), (2048, 1024), (2048, 2048), (8192, 2048), (2048, 8192)];

    /// <summary>Every weight of the model at 1 to 64 sequences, a prompt of 72, a picture of 252 and several prompts of 340 rows; the head sees no prompts, the patch embedding the 256 patches of a picture.</summary>
    public static IEnumerable<ProductShape> OfTheModel =>
    [
        .. from weight in Layers
           from rows in AnyRows
           select new ProductShape(rows, weight.Outputs, weight.Inputs),
        .. from rows in AnyRows
           where rows <= 64
           select new ProductShape(rows, 65037, 2048),
        new ProductShape(256, 1024, 588),
    ];

    /// <summary>The two square weights with rows of each kind: bound by memory, two between, and bound by arithmetic.</summary>
    public static IEnumerable<ProductShape> ForSmoke => OfTheModel.Where(shape => shape.Outputs == shape.Inputs && shape.Rows is 1 or 4 or 16 or 72);

    /// <summary>Multiplications and additions.</summary>
    public double Operations => 2.0 * Rows * Outputs * Inputs;

    public override string ToString() => $"{Rows}x{Outputs}x{Inputs}";
}
