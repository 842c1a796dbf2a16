using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Tests.Engine.Measurement;

public sealed class ModelRooflineTests
{
    private const double Gigabyte = 1e9;

    [Test]
    public void A_step_is_compared_with_reading_as_long()
    {
        using ModelRoofline roofline = Create(Gigabyte);
        roofline.Measure();
        double seconds = roofline.Reading(new Work(Gigabyte, 1, 0, 0, 0))!.Value;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(roofline.StepBandwidth, Is.InRange(Gigabyte / 10, 1.1 * roofline.Bandwidth));
            Assert.That(seconds, Is.EqualTo(Gigabyte / roofline.StepBandwidth!.Value).Within(1e-9));
            Assert.That(roofline.Limit(new Work(Gigabyte, 1, 0, 0, 0)), Is.LessThanOrEqualTo(1.1 * seconds));
        }
    }

    [Test]
    public void Where_arithmetic_takes_longer_or_a_cache_may_hold_the_weights_reading_is_no_measure()
    {
        using ModelRoofline roofline = Create(Gigabyte);
        roofline.Measure();
        double longer = 10 * roofline.FloatPeak * Gigabyte / roofline.StepBandwidth!.Value;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(roofline.Reading(new Work(Gigabyte, longer, 0, 0, 0)), Is.Null);
            Assert.That(roofline.Reading(new Work(ModelRoofline.CacheBytes - 1, 1, 0, 0, 0)), Is.Null);
        }
    }

    [Test]
    public void A_small_model_s_steps_are_not_compared_with_reading()
    {
        using ModelRoofline roofline = Create(1e6);
        roofline.Measure();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(roofline.StepBandwidth, Is.Null);
            Assert.That(roofline.Reading(new Work(Gigabyte, 1, 0, 0, 0)), Is.Null);
        }
    }

    [Test]
    public void Without_VNNI_weights_of_8_and_of_4_bits_have_limits_of_their_own()
    {
        using ModelRoofline roofline = Create(1e6, new CpuOptions { Threads = 1, Products = ProductPrecision.Fast, Disable = "avx512" });
        roofline.Measure();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(roofline.Limit(new Work(0, 0, 0, 1e9, 0)), Is.EqualTo(1e9 / roofline.Int8Peak).And.Positive);
            Assert.That(roofline.Limit(new Work(0, 0, 0, 0, 1e9)), Is.EqualTo(1e9 / roofline.Int4Peak).And.Positive);
            Assert.That(roofline.Int4Peak, Is.Not.EqualTo(roofline.Int8Peak));
        }
    }

    [Test]
    public void Without_executable_memory_there_are_no_limits() =>
        Assert.That(ModelRoofline.TryCreate(new CpuOptions { Threads = 1, Disable = "executable" }, Gigabyte), Is.Null);

    private static ModelRoofline Create(double stepBytes, CpuOptions? options = null)
    {
        ModelRoofline? roofline = ModelRoofline.TryCreate(options ?? new CpuOptions { Threads = 1 }, stepBytes);
        if (roofline is null)
            Assert.Ignore("this machine has no loops to measure");
        return roofline!;
    }
}
