using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.All))]
public sealed class AttentionConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void AttentionAgrees([Values(8, 9, 11, 20, 44, 64, 68)] int headSize, [Values] bool probabilities)
    {
        foreach ((int batch, int heads, int queries, int keys) in new[]
        {
            (1, 1, 1, 1), (1, 2, 3, 7), (2, 3, 7, 7), (3, 1, 1, 37), (1, 4, 37, 129), (2, 2, 129, 37), (1, 1, 5, 257), (2, 2, 33, 65),
        })
        {
            Conforms($"{batch}x{heads}x{queries}x{keys}", bench =>
            {
                int width = heads * headSize;
                Tensor y = bench.Result(batch * queries, width);
                Tensor? p = probabilities ? bench.Result(batch, heads, queries, keys) : null;
                bench.Backend.Attention(
                    bench.Random(1, batch * queries, width),
                    bench.Random(2, batch * keys, width),
                    bench.Random(3, batch * keys, width),
                    y,
                    batch,
                    heads,
                    1 / MathF.Sqrt(headSize),
                    p);
                return [.. bench.Read(y), .. p is null ? [] : bench.Read(p)];
            });
        }
    }

    /// <summary>The resampler's latent queries are the same for every image of a batch.</summary>
    [Test]
    public void EntriesMayShareTheirQueries([Values(1, 2, 3)] int batch, [Values] bool probabilities) => Conforms($"{batch}", bench =>
    {
        Tensor y = bench.Result(batch * 5, 22);
        Tensor? p = probabilities ? bench.Result(batch, 2, 5, 13) : null;
        bench.Backend.Attention(bench.Random(1, 5, 22), bench.Random(2, batch * 13, 22), bench.Random(3, batch * 13, 22), y, batch, 2, 0.3f, p);
        return [.. bench.Read(y), .. p is null ? [] : bench.Read(p)];
    });

    /// <summary>As <see cref="EntriesMayShareTheirQueries"/>, for more queries than are taken together and heads whose rows can be read 128 bits at a time.</summary>
    [Test]
    public void EntriesMayShareManyQueries([Values(1, 2)] int batch) => Conforms($"{batch}", bench =>
    {
        Tensor y = bench.Result(batch * 45, 24);
        bench.Backend.Attention(bench.Random(1, 45, 24), bench.Random(2, batch * 70, 24), bench.Random(3, batch * 70, 24), y, batch, 2, 0.3f);
        return bench.Read(y);
    });

    [Test]
    public void AttentionOfNoQueriesDoesNothing() => ConformsExactly("no queries", bench =>
    {
        bench.Backend.Attention(bench.Result(0, 16), bench.Random(2, 7, 16), bench.Random(3, 7, 16), bench.Result(0, 16), 1, 2, 0.3f);
        return [];
    });

    /// <summary>A tensor may begin at any float.</summary>
    [Test]
    public void OperandsMayBeginAnywhere([Values(0, 1, 2, 3)] int unaligned) => Conforms($"{unaligned}", bench =>
    {
        const int Width = 16;
        Tensor Operand(int index, int rows) =>
            bench.Random(index, (rows * Width) + 1, 1).SliceRows(index == unaligned ? 1 : 0, rows * Width).Reshape(rows, Width);
        Tensor y = Operand(3, 5);
        bench.Backend.Attention(Operand(0, 5), Operand(1, 7), Operand(2, 7), y, 1, 2, 0.3f);
        return bench.Read(y);
    });

    /// <summary>Scores of some thousands in both directions: the exponentials must neither overflow nor all vanish.</summary>
    [Test]
    public void LargeScoresStayFinite() => Conforms("large scores", bench =>
    {
        Tensor y = bench.Result(7, 16);
        bench.Backend.Attention(bench.Random(1, 7, 16), bench.Random(2, 37, 16), bench.Random(3, 37, 16), y, 1, 2, 1000);
        return bench.Read(y);
    }, absolute: 1e-2);

    [Test]
    public void AttentionGivesAQueryTheSameBitsInAnyBatch()
    {
        const int Width = 48;
        float[] q = Samples.Normal(1, 2, 21, Width);
        float[] k = Samples.Normal(2, 2, 37, Width);
        float[] v = Samples.Normal(3, 2, 37, Width);
        float[] Batch(int entry, int entries, int first, int queries) => Run(bench =>
        {
            Tensor y = bench.Result(entries * queries, Width);
            Range keys = (entry * 37 * Width)..((entry + entries) * 37 * Width);
            int start = ((entry * 21) + first) * Width;
            bench.Backend.Attention(
                bench.Floats(q[start..(start + (entries * queries * Width))], entries * queries, Width),
                bench.Floats(k[keys], entries * 37, Width),
                bench.Floats(v[keys], entries * 37, Width),
                y,
                entries,
                2,
                0.2f);
            return bench.Read(y);
        });

        float[] together = Batch(0, 2, 0, 21);
        foreach ((int entry, int first, int queries) in new[] { (0, 0, 21), (1, 0, 21), (0, 20, 1), (1, 3, 5) })
        {
            int start = ((entry * 21) + first) * Width;
            Assert.That(
                Batch(entry, 1, first, queries), Is.EqualTo(together[start..(start + (queries * Width))]), $"entry {entry}, queries {first} + {queries}");
        }
    }
}
