using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>The exact products of CUDA devices: their text is executed here and compared with the oracle.</summary>
internal sealed class FloatMatmulTextTests
{
    private static readonly DType[] Types = [DType.F32, DType.BF16, DType.F16];

    private static IEnumerable<FloatTile> Tiles => FloatTile.All;

    [Test]
    public void ProductsAgreeWithTheOracleOnOddSizes([ValueSource(nameof(Tiles))] FloatTile tile, [ValueSource(nameof(Types))] DType type)
    {
        foreach ((int rows, int inputs, int outputs) in new[] { (1, 4, 1), (7, 20, 37), (tile.Rows + 3, 36, tile.Outputs + 4), (3, 64, 5) })
            Agrees(tile, new MatmulCase(rows, inputs, outputs, type));
    }

    [Test]
    public void BiasActivationAndResidualAgree([Values] Activation activation, [Values] bool bias, [Values] bool residual, [Values(12, 13)] int outputs) =>
        Agrees(FloatTile.All[^1], new MatmulCase(19, 40, outputs, DType.F32, activation, bias, residual));

    [Test]
    public void ARowHasTheSameBitsInEveryTile()
    {
        var product = new MatmulCase(21, 100, 43, DType.F32, Activation.Gelu);
        float[][] results = [.. Tiles.Select(tile => Run(tile, product, out _))];
        Assert.That(results[1], Is.EqualTo(results[0]));
    }

    /// <summary>The products of an output one after another, each added with one rounding, then the bias: the order of the kernels in C#.</summary>
    [Test]
    public void SumsTakeTheInputsInOrder()
    {
        var product = new MatmulCase(3, 52, 5, DType.F32, Residual: false);
        float[] expected = new float[15];
        for (int i = 0; i < expected.Length; i++)
        {
            for (int k = 0; k < 52; k++)
                expected[i] = MathF.FusedMultiplyAdd(product.X[(i / 5 * 52) + k], product.W[(i % 5 * 52) + k], expected[i]);
            expected[i] += product.B![i % 5];
        }
        Assert.That(Run(FloatTile.All[0], product, out _), Is.EqualTo(expected));
    }

    [Test]
    public void SharedMemoryIsUsedWithoutBankConflicts([ValueSource(nameof(Tiles))] FloatTile tile)
    {
        Run(tile, new MatmulCase(tile.Rows, 64, tile.Outputs, DType.F32), out IReadOnlyDictionary<string, int> conflicts);
        Assert.That(conflicts["ld.shared.v4.f32"], Is.Zero);
        Assert.That(conflicts["st.shared.f32"], Is.Zero);
    }

    /// <summary>Speed, as far as it shows in the text: nine of ten instructions of the loop multiply, and shared memory is read 16 bytes at a time.</summary>
    [Test]
    public void TheLoopIsMultiplications([ValueSource(nameof(Types))] DType type)
    {
        string[] all = MatmulText(FloatTile.All[0], type).Split('\n');
        int from = Array.FindIndex(all, line => line.StartsWith("LOOP", StringComparison.Ordinal));
        int to = Array.FindIndex(all, line => line.Contains("bra LOOP", StringComparison.Ordinal));
        string[] loop = all[from..to];
        int multiplications = loop.Count(line => line.Contains("fma.rn", StringComparison.Ordinal));
        Assert.That(multiplications, Is.EqualTo(2 * FloatTile.Depth * 64));
        Assert.That(multiplications, Is.GreaterThan(0.88 * loop.Length));
        Assert.That(loop.Where(line => line.Contains("ld.shared", StringComparison.Ordinal)), Has.All.Contains("ld.shared.v4.f32"));
        Assert.That(all, Has.None.Contains(".local"));
    }

    private static string MatmulText(FloatTile tile, DType type) => FloatMatmulText.Write(tile, type, PtxTarget.Ampere);

    private static float[] Run(FloatTile tile, MatmulCase product, out IReadOnlyDictionary<string, int> conflicts) =>
        product.RunExact(MatmulText(tile, product.Type), tile, out conflicts);

    private static void Agrees(FloatTile tile, MatmulCase product)
    {
        float[] actual = Run(tile, product, out _), expected = product.Expected();
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-5 + (2e-5 * Math.Abs(expected[i]))), $"{tile} {product}: element {i}");
    }
}
