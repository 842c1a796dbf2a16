using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>Weights that are converted on loading are converted when they are first read, once.</summary>
internal sealed class DeferredWeightTests
{
    [Test]
    public void BFloat16IsMadeWhenItIsRead()
    {
        (Tensor source, Func<int> reads) = Source(7, 33);
        using Tensor later = Floats.ToBFloat16Later(source);
        Assert.That((later.IsHost, reads()), Is.EqualTo((true, 0)), "nothing is read in advance");
        using Tensor expected = Floats.ToBFloat16(OutputErrors.Matrix(7, 33, 1));
        Assert.That(later.AsSpan<ushort>().ToArray(), Is.EqualTo(expected.AsSpan<ushort>().ToArray()));
        Assert.That(reads(), Is.EqualTo(1));
        later.Dispose();
        Assert.That(later.IsHost, Is.False);
        Assert.That(() => later.AsSpan<ushort>().Length, Throws.InvalidOperationException);
    }

    [Test]
    public void IntegersAreMadeWhenTheyOrTheirScalesAreRead([Values(4, 8)] int bits, [Values] bool scalesFirst)
    {
        (Tensor source, Func<int> reads) = Source(7, 33);
        var scheme = new QuantizationScheme(bits);
        using QuantizedMatrix later = new WeightQuantizer(source, scheme).RunLater(problem => new AssertionException(problem));
        Assert.That(reads(), Is.Zero, "nothing is read in advance");
        if (scalesFirst)
            Assert.That(later.Scales.AsSpan<float>()[0], Is.Not.Zero);
        using QuantizedMatrix expected = new WeightQuantizer(OutputErrors.Matrix(7, 33, 1), scheme).Run();
        float[] a = new float[33], b = new float[33];
        for (int row = 0; row < 7; row++)
        {
            expected.ReadRow(row, a);
            later.ReadRow(row, b);
            Assert.That(b, Is.EqualTo(a));
        }
        Assert.That(reads(), Is.EqualTo(1));
    }

    [Test]
    public void WhatIsGivenBackIsMadeAnewWhenItIsReadAgain()
    {
        (Tensor source, _) = Source(7, 33);
        using QuantizedMatrix later = new WeightQuantizer(source, new QuantizationScheme(8)).RunLater(problem => new AssertionException(problem));
        sbyte[] values = later.Values.AsSpan<sbyte>().ToArray();
        float[] scales = later.Scales.AsSpan<float>().ToArray();
        long held = NativeBytes.Held;
        later.Values.Storage.Discard(1, 7);
        Assert.That(NativeBytes.Held, Is.EqualTo(held), "a part stays");
        later.Values.Storage.Discard(0, later.Values.ByteLength);
        Assert.That(later.Scales.AsSpan<float>().ToArray(), Is.EqualTo(scales));
        Assert.That(held - NativeBytes.Held, Is.EqualTo(later.Values.ByteLength), "scales that are there need no integers");
        Assert.That(later.Values.AsSpan<sbyte>().ToArray(), Is.EqualTo(values));
    }

    [Test]
    public void AWeightThatIsNotFiniteFailsWhenItIsRead()
    {
        using Tensor source = OutputErrors.Matrix(3, 8, 1);
        source.AsSpan<float>()[9] = float.NaN;
        using QuantizedMatrix later = new WeightQuantizer(source, new QuantizationScheme(8)).RunLater(problem => new CheckpointException("FILE", "NAME", problem));
        Assert.That(() => later.Values.AsSpan<sbyte>().Length, Throws.TypeOf<CheckpointException>().With.Message.Contains("row 1 holds a number that is not finite"));
    }

    [Test]
    public void ThreadsThatReadTogetherReadWhatOneOfThemMade()
    {
        const int threads = 4;
        for (int repeat = 0; repeat < 50; repeat++)
        {
            (Tensor source, Func<int> reads) = Source(3, 5);
            using Tensor matrix = source;
            using var start = new Barrier(threads);
            float[] sums = new float[threads];
            Thread[] readers = [.. Enumerable.Range(0, threads).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                foreach (float value in matrix.AsSpan<float>())
                    sums[i] += value;
            }))];
            Array.ForEach(readers, reader => reader.Start());
            Array.ForEach(readers, reader => reader.Join());
            Assert.That(reads(), Is.EqualTo(1));
            Assert.That(sums, Is.All.EqualTo(sums[0]).And.All.Not.Zero);
        }
    }

    // A matrix that counts how often it was made, which is when it is first read.
    private static (Tensor Matrix, Func<int> Reads) Source(int rows, int width)
    {
        int reads = 0;
        DeferredStorage? storage = null;
        storage = new DeferredStorage((long)rows * width * sizeof(float), new DeferredWork(Make));
        return (new Tensor(storage, DType.F32, new Shape(rows, width), ownsStorage: true), () => reads);

        unsafe void Make()
        {
            using Tensor numbers = OutputErrors.Matrix(rows, width, 1);
            numbers.AsSpan<float>().CopyTo(new Span<float>(storage!.Memory, rows * width));
            reads++;
        }
    }
}
