using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>Integers chosen for what a layer is given: its output errs less, never more, whatever the sizes.</summary>
internal sealed class ErrorDescentTests
{
    [Test]
    public void OutputsErrLessOnTheInputsThatTheIntegersWereChosenFor([Values(4, 8)] int bits)
    {
        foreach (int width in new[] { 32, 256, 320 })
        {
            (double nearest, double chosen) = Errors(12, width, new QuantizationScheme(bits, bits == 4 ? 32 : 0));
            Assert.That(chosen, Is.LessThan(nearest * 0.5), $"{width}");
        }
    }

    [Test]
    public void OutputsNeverErrMoreOnOddSizes()
    {
        foreach (int width in new[] { 1, 2, 7, 31, 33, 100, 257, 515 })
        {
            foreach (QuantizationScheme scheme in new[] { new QuantizationScheme(8), new QuantizationScheme(4, 32), new QuantizationScheme(4, 128), new QuantizationScheme(4) })
            {
                (double nearest, double chosen) = Errors(3, width, scheme);
                Assert.That(chosen, Is.LessThanOrEqualTo(nearest * 1.0001), $"{width} {scheme}");
            }
        }
    }

    [Test]
    public void InputsThatNeverVaryChangeNothingMuch()
    {
        const int Width = 64;
        using Tensor matrix = OutputErrors.Matrix(4, Width, 1);
        var still = new InputStatistics(new float[Width], [new float[Width * Width]]);
        using QuantizedMatrix nearest = new WeightQuantizer(matrix, new QuantizationScheme(4, 32)).Run();
        using QuantizedMatrix chosen = new WeightQuantizer(matrix, new QuantizationScheme(4, 32), still).Run();
        double before = OutputErrors.Of(matrix, nearest, Identity(Width)), after = OutputErrors.Of(matrix, chosen, Identity(Width));
        Assert.That(after, Is.LessThanOrEqualTo(before * 1.0001).And.GreaterThan(before * 0.9));
    }

    [Test]
    public void WhatIsLostInTheMeanCanBeAskedForFirst()
    {
        using Tensor matrix = OutputErrors.Matrix(5, 33, 1);
        InputStatistics inputs = OutputErrors.Statistics(33, 2);
        var quantizer = new WeightQuantizer(matrix, new QuantizationScheme(4, 33), inputs);
        float[] before = [.. quantizer.LostInMean()!];
        using QuantizedMatrix rounded = quantizer.Run();
        var row = new float[33];
        for (int r = 0; r < before.Length; r++)
        {
            rounded.ReadRow(r, row);
            double lost = row.Select((q, i) => (matrix.AsSpan<float>()[(r * row.Length) + i] - (double)q) * inputs.Mean[i]).Sum();
            Assert.That(before[r], Is.EqualTo(lost).Within(1e-6));
        }
        Assert.That(quantizer.LostInMean(), Is.EqualTo(before));
        Assert.That(new WeightQuantizer(matrix, new QuantizationScheme(8)).LostInMean(), Is.Null);
    }

    [Test]
    public void BlocksThatDoNotFitAreRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => new InputStatistics(new float[300], [new float[300 * 300]]), Throws.ArgumentException.With.Message.Contains("300 inputs have 2 blocks, not 1"));
        Assert.That(() => new InputStatistics(new float[3], [new float[3]]), Throws.ArgumentException.With.Message.Contains("block 0 is [3, 3], not 3 numbers"));
    });

    private static (double Nearest, double Chosen) Errors(int rows, int width, QuantizationScheme scheme)
    {
        using Tensor matrix = OutputErrors.Matrix(rows, width, 1);
        InputStatistics inputs = OutputErrors.Statistics(width, 2);
        using QuantizedMatrix nearest = new WeightQuantizer(matrix, scheme).Run(), chosen = new WeightQuantizer(matrix, scheme, inputs).Run();
        // The objective counts a tenth of the mean variance more on each input.
        return (OutputErrors.Of(matrix, nearest, OutputErrors.Damped(inputs)), OutputErrors.Of(matrix, chosen, OutputErrors.Damped(inputs)));
    }

    private static InputStatistics Identity(int width)
    {
        var one = new float[width * width];
        for (int i = 0; i < width; i++)
            one[i * (width + 1)] = 1;
        return new InputStatistics(new float[width], [one]);
    }
}
