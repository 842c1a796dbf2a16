using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Tests.Kernels.Gpu;

internal sealed class KeySplitsTests
{
    [Test]
    public void RunsCoverAllKeysAndNoneIsEmpty()
    {
        for (int keys = 1; keys <= 40_000; keys++)
        {
            (int length, int count) = KeySplits.Of(keys);
            Assert.That(
                length % KeySplits.Least == 0 && count <= KeySplits.Most && length * (count - 1) < keys && keys <= length * count,
                $"{keys} keys in {count} runs of {length}");
        }
    }

    [Test]
    public void FewKeysAreOneRun() => Assert.That(KeySplits.Of(KeySplits.Least), Is.EqualTo(new KeySplits(KeySplits.Least, 1)));
}
