using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class EmbeddingConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    private static readonly DType[] WeightTypes = [DType.F32, DType.F16, DType.BF16];

    [Test]
    public void PatchEmbedAgrees([ValueSource(nameof(WeightTypes))] DType type)
    {
        // Batch, channels, height, width, patch, hidden: square and not, with pixels left over at the right and the bottom, one patch only.
        foreach ((int b, int c, int height, int width, int patch, int hidden) in new[]
        {
            (1, 3, 28, 28, 14, 37), (2, 3, 30, 47, 14, 24), (3, 1, 7, 9, 3, 129), (1, 3, 5, 5, 5, 1), (2, 2, 8, 4, 1, 7),
        })
        {
            int patches = height / patch * (width / patch);
            Conforms($"{b}x{c}x{height}x{width} in {patch}", bench =>
            {
                var embedding = new PatchEmbeddingParameters(
                    bench.Weight(1, type, hidden, c * patch * patch), bench.Random(2, hidden), bench.Random(3, 1 + patches, hidden), patch);
                Tensor y = bench.Result(b * (1 + patches), hidden);
                bench.Backend.PatchEmbed(bench.Random(4, b, c, height, width), embedding, y);
                return bench.Read(y);
            });
        }
    }

    [Test]
    public void EmbedRowsMixesTokensAndGivenRows([ValueSource(nameof(WeightTypes))] DType type, [Values(1, 7, 37, 129)] int width, [Values(1, 32)] float scale) =>
        Conforms($"{type} {width}", bench =>
        {
            bench.Begin(Steps.Embedding([3, 0, 0, 10, 3], [2, 3, 4, 0, 11], [-1, 1, 0, -1, -1]));
            Tensor y = bench.Result(5, width);
            bench.Backend.EmbedRows(bench.Weight(1, type, 11, width), bench.Random(2, 2, width), scale, bench.Random(3, 12, width), y);
            return bench.Read(y);
        }, absolute: 1e-6, relative: 1e-6);

    [Test]
    public void EmbedRowsNeedsNoGivenRowsForText() => Conforms("text", bench =>
    {
        bench.Begin(Steps.Embedding([.. Enumerable.Range(0, 37)], [.. Enumerable.Range(5, 37)], [.. Enumerable.Repeat(-1, 37)]));
        Tensor y = bench.Result(37, 19);
        bench.Backend.EmbedRows(bench.Weight(1, DType.F32, 40, 19), null, 4.5f, bench.Random(3, 60, 19), y);
        return bench.Read(y);
    }, absolute: 1e-6, relative: 1e-6);

    /// <summary>Every finite half, subnormals included, and every normal bfloat16 comes out exactly.</summary>
    [Test]
    public void SixteenBitWeightsAreWidenedExactly([Values(DType.F16, DType.BF16)] DType type)
    {
        float[] values = [.. Enumerable.Range(0, 65536).Select(bits => Widened(type, (ushort)bits)).Where(v => float.IsNormal(v) || v == 0)];
        const int Width = 64;
        int rows = values.Length / Width;
        ConformsExactly($"{type}", bench =>
        {
            int[] all = [.. Enumerable.Range(0, rows)];
            bench.Begin(Steps.Embedding(all, new int[rows], [.. Enumerable.Repeat(-1, rows)]));
            Tensor y = bench.Result(rows, Width);
            PreparedWeight weight = bench.Weight(values[..(rows * Width)], type, rows, Width);
            bench.Backend.EmbedRows(weight, null, 1, bench.Floats(new float[Width], 1, Width), y);
            return bench.Read(y);
        });
    }

    private static float Widened(DType type, ushort bits) =>
        type == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
