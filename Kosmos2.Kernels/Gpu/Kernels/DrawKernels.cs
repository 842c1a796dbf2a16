using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>The sections of a step's table that say how tokens are chosen.</summary>
internal readonly record struct ChoiceViews(
    ArrayView<TokenChoice> Choices, ArrayView<int> BanStarts, ArrayView<int> Bans, ArrayView<int> PenalisedStarts, ArrayView<int> Penalised);

/// <summary>
/// Draws tokens as <see cref="TokenChoice"/> says. A group of <see cref="IlgpuDevices.GroupSize"/> threads for each output; thread i looks after tokens i,
/// i + GroupSize, ... from first to last, so that what it writes no other reads.
/// </summary>
/// <remarks>
/// Bounds are found bit by bit: each asks how many entries lie from a number on, or what they weigh. That costs little as long as few are asked: those from
/// the <see cref="Rank"/>-th best of the threads' own best entries on are gathered in shared memory, several hundred as a rule, and hold whatever top_k or
/// top_p leave in most steps. Where they do not, the whole row is asked.
/// </remarks>
internal static class DrawKernels
{
    private const int GroupSize = IlgpuDevices.GroupSize;
    private const int Few = 1024;
    private const int Rank = 7 * GroupSize / 8;

    /// <summary>ids[i] for the outputs whose token is drawn; the others' stay. entries [outputs, vocabulary] is work space.</summary>
    public static void Draw(ArrayView<float> logits, ChoiceViews step, ArrayView<ulong> entries, ArrayView<int> ids, int vocabulary)
    {
        ArrayView<ulong> few = SharedMemory.Allocate<ulong>(Few);
        ArrayView<ulong> sums = SharedMemory.Allocate<ulong>(GroupSize);
        ArrayView<int> fewCount = SharedMemory.Allocate<int>(1);
        ArrayView<ulong> least = SharedMemory.Allocate<ulong>(1);
        int output = Grid.IdxX;
        TokenChoice choice = step.Choices[output];
        if (!choice.IsDrawn)
            return;
        ArrayView<ulong> row = entries.SubView((long)output * vocabulary, vocabulary);
        Score(logits, step, choice, row, output, vocabulary);

        // The best entry of each thread, and of all.
        ulong own = 0;
        for (int t = Group.IdxX; t < vocabulary; t += GroupSize)
            own = XMath.Max(own, row[t]);
        sums[Group.IdxX] = own;
        if (Group.IdxX == 0)
        {
            fewCount[0] = 0;
            least[0] = 1;
        }
        Group.Barrier();
        ulong best = 0;
        int better = 0;
        for (int i = 0; i < GroupSize; i++)
        {
            best = XMath.Max(best, sums[i]);
            better += sums[i] > own ? 1 : 0;
        }
        if (own > 0 && better == Rank)
            least[0] = own;
        Group.Barrier();
        float largest = TokenEntry.Score(best);
        Gather(row, few, fewCount, least[0], vocabulary);
        int count = fewCount[0] <= Few ? fewCount[0] : 0;

        var all = new Asked(row, few, sums, vocabulary, 0, largest);
        var asked = new Asked(row, few, sums, count, 1, largest);
        ulong from = 1;
        if (choice.TopK < vocabulary)
        {
            if (count < choice.TopK)
                asked = all;
            from = XMath.Max(from, Bound(asked, 0, 63, 32, (ulong)choice.TopK, 1));
        }
        else
        {
            asked = all;
        }
        ulong sum = Sum(asked, from, vocabulary, 0);
        if (choice.Tail > 0)
        {
            ulong wanted = XMath.Max(1UL, sum - TokenEntry.Part(sum, choice.Tail));
            var gathered = new Asked(row, few, sums, count, 1, largest);
            if (Sum(gathered, from, vocabulary, 0) >= wanted)
                asked = gathered;
            ulong bound = Bound(asked, 0, 63, 32, wanted, 0);
            from = XMath.Max(from, Bound(asked, bound, 31, 0, wanted, 0));
            sum = Sum(asked, from, vocabulary, 0);
        }
        int token = At(asked, from, TokenEntry.Part(sum, choice.Uniform), vocabulary);
        if (Group.IdxX == 0)
            ids[output] = best == 0 ? -1 : token;
    }

    private static void Score(ArrayView<float> logits, ChoiceViews step, TokenChoice choice, ArrayView<ulong> row, int output, int vocabulary)
    {
        int start = output * vocabulary;
        for (int t = Group.IdxX; t < vocabulary; t += GroupSize)
            row[t] = TokenEntry.Of(logits[start + t], t, 1, choice.Temperature);
        for (int i = step.PenalisedStarts[output]; i < step.PenalisedStarts[output + 1]; i++)
        {
            int t = step.Penalised[i];
            if (t % GroupSize == Group.IdxX)
                row[t] = TokenEntry.Of(logits[start + t], t, choice.Penalty, choice.Temperature);
        }
        for (int i = step.BanStarts[output]; i < step.BanStarts[output + 1]; i++)
        {
            if (step.Bans[i] % GroupSize == Group.IdxX)
                row[step.Bans[i]] = 0;
        }
    }

    // In no order: sums of integers do not depend on it.
    private static void Gather(ArrayView<ulong> row, ArrayView<ulong> few, ArrayView<int> count, ulong from, int vocabulary)
    {
        for (int t = Group.IdxX; t < vocabulary; t += GroupSize)
        {
            ulong entry = row[t];
            if (entry >= from)
            {
                int place = Atomic.Add(ref count[0], 1);
                if (place < Few)
                    few[place] = entry;
            }
        }
        Group.Barrier();
    }

    /// <summary>A bound with its bits from high to low chosen such that it is the largest from which on there are so many entries, or they weigh so much.</summary>
    private static ulong Bound(Asked asked, ulong bound, int high, int low, ulong wanted, int counts)
    {
        for (int bit = high; bit >= low; bit--)
        {
            ulong next = bound | (1UL << bit);
            if (Sum(asked, next, int.MaxValue, counts) >= wanted)
                bound = next;
        }
        return bound;
    }

    /// <summary>The largest id before which the entries from a bound on weigh no more than a target: with that token they weigh more.</summary>
    private static int At(Asked asked, ulong from, ulong target, int vocabulary)
    {
        int token = 0;
        for (int bit = 1 << 30; bit > 0; bit >>= 1)
        {
            int next = token | bit;
            if (next < vocabulary && Sum(asked, from, next, 0) <= target)
                token = next;
        }
        return token;
    }

    /// <summary>Number or weight of the entries from a bound on with ids before another, in every thread.</summary>
    private static ulong Sum(Asked asked, ulong from, int before, int counts)
    {
        ulong sum = 0;
        for (int i = Group.IdxX; i < asked.Count; i += GroupSize)
        {
            ulong entry = asked.At(i);
            if (entry >= from && (int)(uint)entry < before)
                sum += counts != 0 ? 1UL : asked.Weight(entry);
        }
        asked.Sums[Group.IdxX] = sum;
        Group.Barrier();
        for (int half = GroupSize / 2; half > 0; half /= 2)
        {
            if (Group.IdxX < half)
                asked.Sums[Group.IdxX] += asked.Sums[Group.IdxX + half];
            Group.Barrier();
        }
        sum = asked.Sums[0];
        Group.Barrier();
        return sum;
    }

    /// <summary>The entries that are asked: a whole row, or the few in shared memory.</summary>
    private readonly record struct Asked(ArrayView<ulong> Row, ArrayView<ulong> FewEntries, ArrayView<ulong> Sums, int Count, int IsFew, float Largest)
    {
        public ulong At(int i) => IsFew != 0 ? FewEntries[i] : Row[i];

        public ulong Weight(ulong entry)
        {
            float score = TokenEntry.Score(entry);
            return TokenEntry.Weight(score == Largest ? 1 : XMath.Exp(score - Largest));
        }
    }
}
