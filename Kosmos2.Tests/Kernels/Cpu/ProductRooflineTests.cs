using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Tests.Kernels.Cpu;

public sealed class ProductRooflineTests
{
    [Test]
    public void AProductFasterThanTheLimitsIsImpossible()
    {
        using MachinePeaks? peaks = MachinePeaks.TryCreate(1);
        if (peaks is null)
            Assert.Ignore("this machine has no loops to measure");
        peaks.MeasureArithmetic();
        peaks.MeasureBandwidth();
        foreach (ProductForm form in ProductForm.Of(peaks))
        {
            foreach (ProductShape shape in ProductShape.ForSmoke)
            {
                // At one second the share is the limit in seconds.
                double limit = new ProductShare(form, shape, 1, peaks).Share;
                Assert.That(limit, Is.InRange(1e-6, 1), $"{form.Name} {shape}");
                Assert.That(new ProductShare(form, shape, limit, peaks).IsImpossible, Is.False, $"{form.Name} {shape}");
                Assert.That(new ProductShare(form, shape, limit / 1.1, peaks).IsImpossible, Is.True, $"{form.Name} {shape}");
            }
        }
    }
}
