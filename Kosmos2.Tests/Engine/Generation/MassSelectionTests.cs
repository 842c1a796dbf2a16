using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>What is selected is what a full sort would have selected.</summary>
internal sealed class MassSelectionTests
{
    [Test]
    public void TheSmallestEntriesOfAMassAreThoseOfTheSortedOrder([Values(1, 2, 31, 33, 100, 1_000, 65_037)] int count, [Values] bool ties)
    {
        var random = new Random(count);
        float[] weights = [.. Enumerable.Range(0, count).Select(_ => ties ? random.Next(1, 4) : (float)Math.Exp(4 * random.NextDouble()))];
        ulong[] entries = [.. weights.Select((weight, i) => ((ulong)BitConverter.SingleToUInt32Bits(weight) << 32) | (uint)i)];
        random.Shuffle(entries);
        ulong[] sorted = [.. entries.Order()];
        double total = weights.Sum(weight => (double)weight);
        foreach (double share in (double[])[0, 1e-9, 0.001, 0.1, 0.5, 0.9, 0.999, 1, 2])
        {
            foreach (int most in (int[])[0, 1, count / 3, count - 1, count])
            {
                float limit = (float)(share * total);
                int expected = 0;
                for (double sum = 0; expected < most; expected++)
                {
                    sum += weights[(int)(uint)sorted[expected]];
                    if ((float)sum > limit)
                        break;
                }
                ulong[] reordered = [.. entries];
                int taken = MassSelection.TakeSmallest(reordered, weights, limit, most);
                Assert.That(taken, Is.EqualTo(expected), $"{share} of the mass, at most {most}");
                Assert.That(reordered.Take(taken).Order(), Is.EqualTo(sorted.Take(taken)), $"{share} of the mass, at most {most}");
                if (taken < count)
                    Assert.That(reordered[taken], Is.EqualTo(sorted[taken]), $"the next of {share} of the mass, at most {most}");
            }
        }
    }
}
