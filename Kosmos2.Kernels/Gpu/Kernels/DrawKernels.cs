using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Draws tokens as <see cref="TokenChoice"/> says. A group of <see cref="IlgpuDevices.GroupSize"/> threads for each output; thread i looks after tokens i,
/// i + GroupSize, ... from first to last, so that what it writes no other reads.
/// </summary>
/// <remarks>
/// Bounds are found bit by bit: each asks how many entries lie from a number on, or what they weigh. That costs little as long as few are asked: those from
/// the <see cref="Rank"/>-th best of the threads' own best entries on are gathered in shared memory, several hundred as a rule, and hold whatever top_k or
/// top_p leave in most steps. Where they do not, the whole row is asked. What changes from one bit to the next lies in shared memory: PoCL cannot keep a
/// loop's own variables over its barriers.
/// </remarks>
internal static class DrawKernels
{
    private const int GroupSize = IlgpuDevices.GroupSize;
    private const int Few = 1024;
    private const int Rank = 7 * GroupSize / 8;

    /// <summary>ids[i] for the outputs whose token is drawn; the others' stay. entries [outputs, vocabulary] is work space.</summary>
    public static void Draw(ArrayView<float> logits, ChoiceViews step, ClassViews classes, ArrayView<ulong> entries, ArrayView<int> ids, int vocabulary)
    {
        int output = Grid.IdxX;
        TokenChoice choice = step.ChoiceOf(output);
        if (!choice.IsDrawn)
            return;
        var work = new Work(
            entries.SubView((long)output * vocabulary, vocabulary),
            SharedMemory.Allocate<ulong>(Few),
            SharedMemory.Allocate<int>(2),
            SharedMemory.Allocate<ulong>(GroupSize),
            SharedMemory.Allocate<ulong>(1),
            vocabulary);
        Score(logits, step, choice, work.Row, output, vocabulary);
        Narrow(step.RuleOf(output), classes, work.Row, vocabulary);
        ulong best = Gather(work, choice.TopK);
        float largest = TokenEntry.Score(best);

        if (choice.TopK < vocabulary)
            Raise(work, 63, 32, largest, 1, (ulong)choice.TopK);
        if (choice.Tail > 0)
        {
            ulong sum = Sum(work, work.Gathered[1], work.Found[0], vocabulary, largest, 0);
            ulong wanted = XMath.Max(1UL, sum - TokenEntry.Part(sum, choice.Tail));
            ulong few = Sum(work, 1, work.Found[0], vocabulary, largest, 0);
            if (Group.IdxX == 0)
            {
                work.Gathered[1] = few >= wanted ? 1 : work.Gathered[1];
                work.Found[0] = 0;
            }
            Group.Barrier();
            Raise(work, 63, 0, largest, 0, wanted);
        }
        ulong target = TokenEntry.Part(Sum(work, work.Gathered[1], work.Found[0], vocabulary, largest, 0), choice.Uniform);
        Find(work, ids.SubView(output, 1), target, largest);
        if (Group.IdxX == 0 && best == 0)
            ids[output] = -1;
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

    private static void Narrow(TokenRule rule, ClassViews classes, ArrayView<ulong> row, int vocabulary)
    {
        if (!rule.IsNarrow)
            return;
        for (int t = Group.IdxX; t < vocabulary; t += GroupSize)
        {
            if (!rule.Allows(t, classes.Numbers[t], classes.Grid))
                row[t] = 0;
        }
    }

    /// <summary>Gathers the few entries, in no order, since sums of integers do not depend on it; tells whether there are as many as are wanted.</summary>
    /// <returns>The best entry of the row.</returns>
    private static ulong Gather(Work work, int wanted)
    {
        ulong own = 0;
        for (int t = Group.IdxX; t < work.Vocabulary; t += GroupSize)
            own = XMath.Max(own, work.Row[t]);
        work.Sums[Group.IdxX] = own;
        if (Group.IdxX == 0)
        {
            work.Gathered[0] = 0;
            work.Found[0] = 1;
        }
        Group.Barrier();
        ulong best = 0;
        int better = 0;
        for (int i = 0; i < GroupSize; i++)
        {
            best = XMath.Max(best, work.Sums[i]);
            better += work.Sums[i] > own ? 1 : 0;
        }
        if (own > 0 && better == Rank)
            work.Found[0] = own >> 32 << 32; // all of an equal score
        Group.Barrier();
        ulong from = work.Found[0];
        for (int t = Group.IdxX; t < work.Vocabulary; t += GroupSize)
        {
            ulong entry = work.Row[t];
            if (entry >= from)
            {
                int place = Atomic.Add(ref work.Gathered[0], 1);
                if (place < Few)
                    work.FewEntries[place] = entry;
            }
        }
        Group.Barrier();
        if (Group.IdxX == 0)
        {
            int count = work.Gathered[0] <= Few ? work.Gathered[0] : 0;
            work.Gathered[0] = count;
            work.Gathered[1] = count >= wanted ? 1 : 0;
            work.Found[0] = 0;
        }
        Group.Barrier();
        return best;
    }

    /// <summary>Raises the bound by bits, from high to low, as far as there are still so many entries from it on, or they weigh so much.</summary>
    private static void Raise(Work work, int high, int low, float largest, int counts, ulong wanted)
    {
        for (int bit = high; bit >= low; bit--)
        {
            ulong next = work.Found[0] | (1UL << bit);
            ulong sum = Sum(work, work.Gathered[1], next, work.Vocabulary, largest, counts);
            if (Group.IdxX == 0 && sum >= wanted)
                work.Found[0] = next;
            Group.Barrier();
        }
    }

    /// <summary>The largest id before which the entries from the bound on weigh no more than a target: with that token they weigh more.</summary>
    private static void Find(Work work, ArrayView<int> id, ulong target, float largest)
    {
        ulong from = work.Found[0];
        Group.Barrier();
        if (Group.IdxX == 0)
            work.Found[0] = 0;
        Group.Barrier();
        for (int bit = 31 - IntrinsicMath.BitOperations.LeadingZeroCount(work.Vocabulary); bit >= 0; bit--)
        {
            int next = (int)work.Found[0] | (1 << bit);
            ulong sum = Sum(work, work.Gathered[1], from, next, largest, 0);
            if (Group.IdxX == 0 && next < work.Vocabulary && sum <= target)
                work.Found[0] = (ulong)next;
            Group.Barrier();
        }
        if (Group.IdxX == 0)
            id[0] = (int)work.Found[0];
    }

    /// <summary>Number or weight of the entries from a bound on with ids before another, in every thread.</summary>
    private static ulong Sum(Work work, int isFew, ulong from, int before, float largest, int counts)
    {
        ulong sum = 0;
        int count = isFew != 0 ? work.Gathered[0] : work.Vocabulary;
        for (int i = Group.IdxX; i < count; i += GroupSize)
        {
            ulong entry = isFew != 0 ? work.FewEntries[i] : work.Row[i];
            if (entry != 0 && entry >= from && (int)(uint)entry < before)
                sum += counts != 0 ? 1UL : Weight(entry, largest);
        }
        work.Sums[Group.IdxX] = sum;
        Group.Barrier();
        for (int half = GroupSize / 2; half > 0; half /= 2)
        {
            if (Group.IdxX < half)
                work.Sums[Group.IdxX] += work.Sums[Group.IdxX + half];
            Group.Barrier();
        }
        sum = work.Sums[0];
        Group.Barrier();
        return sum;
    }

    private static ulong Weight(ulong entry, float largest)
    {
        float score = TokenEntry.Score(entry);
        return TokenEntry.Weight(score == largest ? 1 : XMath.Exp(score - largest));
    }

    /// <summary>A group's memory.</summary>
    /// <param name="Row">[vocabulary] all entries.</param>
    /// <param name="FewEntries">Those gathered.</param>
    /// <param name="Gathered">How many those are, and 1 while they alone are asked.</param>
    /// <param name="Sums">One a thread.</param>
    /// <param name="Found">The bound.</param>
    /// <param name="Vocabulary">Entries in a row.</param>
    private readonly record struct Work(
        ArrayView<ulong> Row, ArrayView<ulong> FewEntries, ArrayView<int> Gathered, ArrayView<ulong> Sums, ArrayView<ulong> Found, int Vocabulary);
}
