namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>
/// The share of the limit that is stated for a product on one thread: about the least that docs/performance.md has of any processor with those instructions, and less for forms that it
/// does not list. Few rows are bound by memory; mapped weights are packed for more rows than <see cref="Linear.MappedTile.MostRows"/>.
/// </summary>
internal static class StatedShares
{
    /// <summary>Looks a product up.</summary>
    /// <param name="kernels">Vectors of the assembled kernels; none are stated for compiled ones.</param>
    /// <param name="form">The weight.</param>
    /// <param name="rows">Rows of x.</param>
    public static double? Of(InstructionSet? kernels, ProductForm form, int rows)
    {
        // Up to 1, 4 and 16 rows, and from there on.
        double[]? shares = kernels switch
        {
            InstructionSet.Vector512 => Wide(form),
            InstructionSet.Vector256 => Narrow(form),
            _ => null,
        };
        return shares?[rows <= 1 ? 0 : rows <= 4 ? 1 : rows <= 16 ? 2 : 3];
    }

    // AVX-512 with VNNI: Emerald Rapids and Zen 4.
    private static double[] Wide(ProductForm form) => (form.Bits, form.Residency, form.Precision) switch
    {
        (32, WeightResidency.Packed, _) => [0.85, 0.8, 0.7, 0.8],
        (32, _, _) => [0.5, 0.45, 0.45, 0.6],
        (16, _, ProductPrecision.Fast) => [0.65, 0.6, 0.85, 0.9],
        (16, WeightResidency.Packed, _) => form.Type == DType.BF16 ? [0.65, 0.65, 0.65, 0.7] : [0.5, 0.45, 0.45, 0.65],
        (16, _, _) => [0.4, 0.35, 0.25, 0.5],
        (8, WeightResidency.Packed, _) => [0.85, 0.8, 0.6, 0.65],
        (8, _, _) => [0.5, 0.4, 0.2, 0.35],
        (_, WeightResidency.Packed, _) => [0.8, 0.65, 0.5, 0.5],
        _ => [0.3, 0.2, 0.15, 0.2],
    };

    // AVX2: Zen 3, whose limit for 8 bits is vpmaddwd's and for 4 bits, whose kernels are compiled, vpmaddubsw's.
    private static double[] Narrow(ProductForm form) => (form.Bits, form.Residency) switch
    {
        (32, WeightResidency.Packed) => [0.85, 0.8, 0.7, 0.8],
        (32, _) => [0.8, 0.75, 0.4, 0.6],
        (16, WeightResidency.Packed) => [0.6, 0.5, 0.5, 0.65],
        (16, _) => [0.4, 0.35, 0.3, 0.5],
        (8, WeightResidency.Packed) => [0.75, 0.6, 0.6, 0.7],
        (8, _) => [0.6, 0.4, 0.3, 0.4],
        (_, WeightResidency.Packed) => [0.6, 0.4, 0.3, 0.3],
        _ => [0.3, 0.25, 0.15, 0.2],
    };
}
