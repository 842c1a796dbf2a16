namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// How the keys of a query are split: into runs that are scored one by one or by several groups at once, whose sums are then added up in order. Where a run
/// begins depends on the number of keys alone.
/// </summary>
/// <param name="Length">Keys of a run; the last may have fewer.</param>
/// <param name="Count">How many runs.</param>
internal readonly record struct KeySplits(int Length, int Count)
{
    /// <summary>Most runs of any query.</summary>
    public const int Most = 16;

    /// <summary>Keys of a run where <see cref="Most"/> are enough: two turns of the largest group, which outweigh what adding up takes.</summary>
    public const int Least = 512;

    /// <summary>Of so many keys.</summary>
    public static KeySplits Of(int keys)
    {
        int length = Least * ((keys + (Least * Most) - 1) / (Least * Most));
        return new KeySplits(length, (keys + length - 1) / length);
    }
}
