namespace Kosmos2.Engine.Generation;

/// <summary>
/// Finds the smallest entries that together have a given weight, without sorting the others: Hoare's selection (1961), which goes on in the part where the
/// sum passes the limit. The sorted order of 65,037 tokens is never made; a step looks at about three times as many entries.
/// </summary>
internal static class MassSelection
{
    private const int Few = 32;

    /// <summary>
    /// Moves to the front the entries that can be taken in ascending order while their weights, rounded to float, add up to at most a limit. The entry behind
    /// them is the next in that order.
    /// </summary>
    /// <param name="entries">Distinct entries of <see cref="ScoreWarper"/>; reordered.</param>
    /// <param name="weights">[vocabulary] by token.</param>
    /// <param name="limit">The most that their weights may come to.</param>
    /// <param name="most">The most entries to take.</param>
    /// <returns>How many were taken.</returns>
    public static int TakeSmallest(Span<ulong> entries, ReadOnlySpan<float> weights, float limit, int most)
    {
        // Taken are those before low; not all of those before high can be.
        int low = 0, high = entries.Length;
        double sum = 0;
        while (high - low > Few)
        {
            int middle = low + Partition(entries[low..high]);
            double part = sum + Sum(entries[low..middle], weights);
            if (middle <= most && (float)part <= limit)
                (low, sum) = (middle, part);
            else
                high = middle;
        }
        entries[low..high].Sort();
        for (; low < high; low++)
        {
            sum += weights[(int)(uint)entries[low]];
            if (low >= most || (float)sum > limit)
                break;
        }
        // Sums in another order may differ in the last place, so that the limit is not passed where it was expected.
        if (low == high && high < entries.Length)
            MoveSmallestToFront(entries[high..]);
        return low;
    }

    /// <summary>Entries smaller than the median of three go before the others; neither part is empty.</summary>
    private static int Partition(Span<ulong> entries)
    {
        ulong a = entries[0], b = entries[entries.Length / 2], c = entries[^1];
        ulong pivot = Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
        int left = 0, right = entries.Length - 1;
        while (true)
        {
            while (entries[left] < pivot)
                left++;
            while (right >= left && entries[right] >= pivot)
                right--;
            if (left >= right)
                return left;
            (entries[left], entries[right]) = (entries[right], entries[left]);
        }
    }

    private static double Sum(ReadOnlySpan<ulong> entries, ReadOnlySpan<float> weights)
    {
        double sum = 0;
        foreach (ulong entry in entries)
            sum += weights[(int)(uint)entry];
        return sum;
    }

    private static void MoveSmallestToFront(Span<ulong> entries)
    {
        int smallest = 0;
        for (int i = 1; i < entries.Length; i++)
        {
            if (entries[i] < entries[smallest])
                smallest = i;
        }
        (entries[0], entries[smallest]) = (entries[smallest], entries[0]);
    }
}
