using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>
/// Weights of small integers: products and embeddings are those of (q - zero) * scale, for both widths, groups of every size, with and without
/// zero points. A group size of 0 stands for one scale a row.
/// </summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.WithWideGroups))]
public sealed class QuantizedConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    [Test]
    public void LinearAgreesOnOddSizes([Values(8, 4)] int bits, [Values] bool zeroPoints)
    {
        foreach (int rows in new[] { 1, 7, 37 })
        {
            foreach (int inputs in OddSizes)
            {
                foreach (int outputs in OddSizes)
                    Agrees(bits, rows, inputs, outputs, groupSize: 0, zeroPoints);
            }
        }
    }

    /// <summary>Group sizes that vectors divide and that they do not, and rows whose last group is shorter than the others; few rows and more than a device takes as few.</summary>
    [Test]
    public void LinearAgreesForEveryGroupSize([Values(8, 4)] int bits, [Values] bool zeroPoints, [Values(1, 3, 8, 16, 32, 64, 100, 128)] int groupSize, [Values(5, 9)] int rows)
    {
        foreach (int inputs in new[] { 128, 129, 200, 384 })
            Agrees(bits, rows, inputs, 37, groupSize, zeroPoints);
    }

    [Test]
    public void LinearAgreesOnSizesOfALayer([Values(8, 4)] int bits, [Values(0, 32, 128)] int groupSize) =>
        Agrees(bits, 75, 512, 260, groupSize, zeroPoints: false);

    /// <summary>As <see cref="LinearConformance.LinearAgreesOnFewWideRows"/>.</summary>
    [Test]
    public void LinearAgreesOnFewWideRows([Values(8, 4)] int bits, [Values(2048, 2064, 4160, 8192)] int inputs, [Values(0, 32)] int groupSize, [Values] bool zeroPoints) =>
        Agrees(bits, 2, inputs, 150, groupSize, zeroPoints);

    [Test]
    public void LinearTakesWeightsAtAnyAddress([Values(8, 4)] int bits, [Values(1, 2, 4, 8)] int misalignment) =>
        Agrees(bits, 5, 70, 37, 32, zeroPoints: true, misalignment);

    [Test]
    public void LinearGroupMayMixFloatsAndIntegers([Values(1, 7)] int rows) => Conforms($"{rows} rows", bench =>
    {
        Tensor[] y = [bench.Result(rows, 19), bench.Result(rows, 37), bench.Result(rows, 3)];
        bench.Backend.LinearGroup(
            bench.Random(1, rows, 64),
            [
                new LinearParameters(bench.Quantized(2, 8, 19, 64, 0), bench.Random(5, 19)),
                new LinearParameters(bench.Weight(3, DType.F32, 37, 64), null),
                new LinearParameters(bench.Quantized(4, 4, 3, 64, 32, zeroPoints: true), bench.Random(6, 3)),
            ],
            y,
            bench.Norm(7, 64));
        return [.. y.SelectMany(bench.Read)];
    });

    [Test]
    public void PatchEmbedTakesThem([Values(8, 4)] int bits) => Conforms($"{bits} bits", bench =>
    {
        var embedding = new PatchEmbeddingParameters(bench.Quantized(1, bits, 24, 48, 16), bench.Random(2, 24), bench.Random(3, 5, 24), 4);
        Tensor y = bench.Result(2 * 5, 24);
        bench.Backend.PatchEmbed(bench.Random(4, 2, 3, 8, 8), embedding, y);
        return bench.Read(y);
    });

    [Test]
    public void EmbedRowsTakesThem([Values(8, 4)] int bits, [Values(1, 7, 37, 129)] int width, [Values(0, 32)] int groupSize) =>
        Conforms($"{bits} bits {width}", bench =>
        {
            bench.Begin(Steps.Embedding([3, 0, 0, 10, 3], [2, 3, 4, 0, 11], [-1, 1, 0, -1, -1]));
            Tensor y = bench.Result(5, width);
            bench.Backend.EmbedRows(bench.Quantized(1, bits, 11, width, groupSize, true), bench.Random(2, 2, width), 4, bench.Random(3, 12, width), y);
            return bench.Read(y);
        }, absolute: 1e-6, relative: 1e-6);

    /// <summary>Every stored integer comes out as itself.</summary>
    [Test]
    public void EveryIntegerIsWidenedExactly([Values(8, 4)] int bits, [Values(1, 4, 32, 256)] int width) => ConformsExactly($"{bits} bits", bench =>
    {
        int rows = 256 / width, least = bits == 8 ? -128 : -8, count = 1 << bits;
        sbyte[] integers = [.. Enumerable.Range(0, 256).Select(i => (sbyte)(least + (i % count)))];
        int[] all = [.. Enumerable.Range(0, rows)];
        bench.Begin(Steps.Embedding(all, new int[rows], [.. Enumerable.Repeat(-1, rows)]));
        Tensor y = bench.Result(rows, width);
        PreparedWeight weight = bench.Quantized(integers, bits, rows, width, width, [.. Enumerable.Repeat(1f, rows)], null);
        bench.Backend.EmbedRows(weight, null, 1, bench.Floats(new float[width], 1, width), y);
        float[] read = bench.Read(y);
        Assert.That(read, Is.EqualTo(Array.ConvertAll(integers, q => (float)q)));
        return read;
    });

    private void Agrees(int bits, int rows, int inputs, int outputs, int groupSize, bool zeroPoints, int misalignment = 0) => Conforms(
        $"{bits} bits {rows}x{inputs}x{outputs} in groups of {groupSize}",
        bench =>
        {
            Tensor y = bench.Result(rows, outputs);
            var layer = new LinearParameters(bench.Quantized(2, bits, outputs, inputs, groupSize, zeroPoints, misalignment), bench.Random(3, outputs));
            bench.Backend.Linear(bench.Random(1, rows, inputs), layer, y);
            return bench.Read(y);
        },
        absolute: 5e-5);
}
