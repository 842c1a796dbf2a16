using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels;

internal sealed class BFloat16Tests
{
    [TestCase(1f, 0x3F80)]
    [TestCase(1.00390625f, 0x3F80, TestName = "Half a place above an even one goes down")]
    [TestCase(1.01171875f, 0x3F82, TestName = "Half a place above an odd one goes up")]
    [TestCase(1.004f, 0x3F81, TestName = "More than half a place goes up")]
    [TestCase(-0f, 0x8000)]
    [TestCase(float.MaxValue, 0x7F80)]
    [TestCase(float.NegativeInfinity, 0xFF80)]
    public void A_number_is_rounded_to_the_nearest(float value, int bits) => Assert.That(BFloat16.ToBits(value), Is.EqualTo(bits));

    [Test]
    public void Every_bfloat16_survives()
    {
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
        {
            float value = BFloat16.FromBits((ushort)bits);
            if (float.IsNaN(value))
                Assert.That(BFloat16.FromBits(BFloat16.ToBits(value)), Is.NaN);
            else
                Assert.That(BFloat16.ToBits(value), Is.EqualTo(bits));
        }
    }
}
