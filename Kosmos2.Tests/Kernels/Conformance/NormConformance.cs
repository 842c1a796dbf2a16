using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class NormConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void LayerNormAgreesOnOddSizes([Values(1e-5f, 1e-3f)] float epsilon, [Values] bool inPlace)
    {
        foreach (int rows in OddSizes)
        {
            foreach (int width in (int[])[.. OddSizes, 515, 2048, 8200])
            {
                Conforms($"{rows}x{width}", bench =>
                {
                    Tensor x = bench.Random(1, rows, width);
                    Tensor y = inPlace ? x : bench.Result(rows, width);
                    bench.Backend.LayerNorm(x, bench.Norm(2, width, epsilon), y);
                    return bench.Read(y);
                });
            }
        }
    }

    /// <summary>Mean far from zero: E[x^2] - E[x]^2 would cancel.</summary>
    [Test]
    public void LayerNormKeepsASmallVarianceBesideALargeMean() => Conforms("mean 1000", bench =>
    {
        float[] x = Array.ConvertAll(Samples.Normal(1, 3, 129), v => 1000 + v);
        Tensor y = bench.Result(3, 129);
        bench.Backend.LayerNorm(bench.Floats(x, 3, 129), bench.Norm(2, 129), y);
        return bench.Read(y);
    }, absolute: 1e-3);

    [Test]
    public void LayerNormOfAConstantRowIsItsBias() => Conforms("constant", bench =>
    {
        Tensor y = bench.Result(1, 64);
        bench.Backend.LayerNorm(bench.Floats([.. Enumerable.Repeat(3f, 64)], 1, 64), bench.Norm(2, 64), y);
        return bench.Read(y);
    });

    [Test]
    public void LayerNormGivesARowTheSameBitsInAnyBatch()
    {
        float[] x = Samples.Normal(1, 37, 131);
        float[] Batch(int first, int rows) => Run(bench =>
        {
            Tensor y = bench.Result(rows, 131);
            bench.Backend.LayerNorm(bench.Floats(x[(first * 131)..((first + rows) * 131)], rows, 131), bench.Norm(2, 131), y);
            return bench.Read(y);
        });

        float[] together = Batch(0, 37);
        foreach ((int first, int rows) in new[] { (0, 1), (36, 1), (5, 7) })
            Assert.That(Batch(first, rows), Is.EqualTo(together[(first * 131)..((first + rows) * 131)]), $"rows {first} + {rows}");
    }

    [Test]
    public void L2NormalizeAgreesOnOddSizes([Values] bool inPlace)
    {
        foreach (int rows in OddSizes)
        {
            foreach (int width in (int[])[.. OddSizes, 1024])
            {
                Conforms($"{rows}x{width}", bench =>
                {
                    Tensor x = bench.Random(1, rows, width);
                    Tensor y = inPlace ? x : bench.Result(rows, width);
                    bench.Backend.L2Normalize(x, y);
                    return bench.Read(y);
                }, absolute: 1e-6, relative: 1e-5);
            }
        }
    }

    [Test]
    public void L2NormalizeLeavesAZeroRowZero() => ConformsExactly("zeros", bench =>
    {
        Tensor y = bench.Result(2, 5);
        bench.Backend.L2Normalize(bench.Floats(new float[10], 2, 5), y);
        return bench.Read(y);
    });
}
