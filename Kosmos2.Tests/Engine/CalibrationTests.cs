using Kosmos2.Engine;
using Kosmos2.Engine.Calibration;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>What linear layers are given is measured rightly, and makes smaller weights better.</summary>
internal sealed class CalibrationTests
{
    [Test]
    public void MomentsAreThoseOfTheRows()
    {
        foreach (int width in new[] { 1, 3, 33, 300 })
        {
            const int Rows = 17;
            var random = new Random(width);
            float[] x = [.. Enumerable.Range(0, Rows * width).Select(i => random.NextSingle() + (i % width % 5))];
            var moments = new InputMoments(width);
            moments.Add(x[..(5 * width)]);
            moments.Add(x[(5 * width)..]);
            InputStatistics found = moments.Finish();
            double[] mean = [.. Enumerable.Range(0, width).Select(i => Enumerable.Range(0, Rows).Average(r => (double)x[(r * width) + i]))];
            Assert.That(found.Mean, Is.EqualTo(mean).Within(1e-5));
            for (int block = 0; block < found.Covariance.Count; block++)
            {
                int start = block * InputStatistics.BlockSize, n = Math.Min(InputStatistics.BlockSize, width - start);
                double[] covariance = [.. Enumerable.Range(0, n * n).Select(i => (A: start + (i / n), B: start + (i % n))).Select(p =>
                    Enumerable.Range(0, Rows).Average(r => (x[(r * width) + p.A] - mean[p.A]) * (x[(r * width) + p.B] - mean[p.B])))];
                Assert.That(found.Covariance[block], Is.EqualTo(covariance).Within(1e-4), $"{width} block {block}");
            }
        }
    }

    [Test]
    public void CalibratedIntegersAreCloserToTheModel()
    {
        string model = TestData.ShapesModel, cases = TestData.File("shapes");
        RgbImage[] pictures = [.. Directory.GetFiles(cases, "*.png").Order(StringComparer.Ordinal).Select(path => Picture.Load(path))];
        IReadOnlyDictionary<string, InputStatistics> inputs = ActivationCalibration.Run(model, pictures);
        using Checkpoint checkpoint = Checkpoint.Open(model);
        Assert.That(checkpoint.Names.Where(n => n.EndsWith("proj.weight", StringComparison.Ordinal) || n.EndsWith("fc1.weight", StringComparison.Ordinal)
            || n.EndsWith("fc2.weight", StringComparison.Ordinal) || n.EndsWith("dense.weight", StringComparison.Ordinal)), Is.SubsetOf(inputs.Keys));
        double plain = Divergence(new QuantizeOptions { Format = WeightFormat.Int4 }), calibrated = Divergence(new QuantizeOptions { Format = WeightFormat.Int4, Inputs = inputs });
        Assert.That(calibrated, Is.LessThan(0.5 * plain));

        double Divergence(QuantizeOptions options)
        {
            using var folder = new TemporaryFolder();
            CheckpointQuantizer.Write(model, folder.Path, options);
            return ModelComparer.Run(
                folder.Path, model, new EngineOptions { Device = "cpu", Products = ProductPrecision.Exact }, cases, path => Picture.Load(path), cases: 24).Logits.MeanDivergence;
        }
    }

    [Test]
    public void NoPictureIsRefused() => Assert.That(() => ActivationCalibration.Run(TestData.ShapesModel, []), Throws.ArgumentException.With.Message.Contains("a picture"));
}
