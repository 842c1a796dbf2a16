using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>The rule on given numbers; nothing here is timed.</summary>
internal sealed class ShareRuleTests
{
    [TestCase(null, false)]
    [TestCase(0.5, false)]
    [TestCase(1.0, false)]
    [TestCase(1.03, false)]
    [TestCase(1.031, true)]
    [TestCase(double.PositiveInfinity, true)]
    [TestCase(double.NaN, true)]
    public void A_share_above_the_limit_and_its_tolerance_is_impossible(double? share, bool impossible) =>
        Assert.That(ShareRule.IsImpossible(share), Is.EqualTo(impossible));

    [TestCase(0.41, 0.8, false)]
    [TestCase(0.39, 0.8, true)]
    [TestCase(double.NaN, 0.8, true)]
    [TestCase(0.01, null, false)]
    public void Less_than_half_of_what_is_stated_is_too_slow(double share, double? stated, bool slow) =>
        Assert.That(ShareRule.IsTooSlow(share, stated), Is.EqualTo(slow));

    [TestCase(2.0, true)]
    [TestCase(1.95, true)]
    [TestCase(0.5, true)]
    [TestCase(0.492, true)]
    [TestCase(1.8, false)]
    [TestCase(0.43, false)]
    [TestCase(0.0, false)]
    [TestCase(double.NaN, false)]
    public void A_core_does_a_whole_number_of_instructions_a_cycle_or_one_in_a_whole_number(double perCycle, bool whole) =>
        Assert.That(ShareRule.IsWhole(perCycle), Is.EqualTo(whole));

    [TestCase(0, 0)]
    [TestCase(2, 2)]
    [TestCase(100, 4)]
    public void What_was_disturbed_is_measured_again_a_few_times(int disturbances, int measured)
    {
        int count = 0;
        ShareRule.Repeat(() => count < disturbances, () => count++);
        Assert.That(count, Is.EqualTo(measured));
    }
}
