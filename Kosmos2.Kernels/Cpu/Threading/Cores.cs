namespace Kosmos2.Kernels.Cpu.Threading;

/// <summary>The physical cores that this process may use: two threads on one core share its multipliers and only get into each other's caches.</summary>
internal static class Cores
{
    /// <summary>
    /// How many threads are worth starting: processors this process may use (affinity and container limits counted in), at most one for each physical core.
    /// </summary>
    public static int Available() => Math.Max(1, Math.Min(Environment.ProcessorCount, Processors() is { Length: > 0 } processors ? processors.Length : int.MaxValue));

    /// <summary>The number of one processor of each core, ascending; null where the system does not tell.</summary>
    public static int[]? Processors()
    {
        if (Affinity.Allowed() is not { } allowed)
            return null;
        var cores = new HashSet<string>();
        return [.. allowed.Where(processor => cores.Add(Siblings(processor)))];
    }

    // Linux lists, for each processor, those that share its core; one that it says nothing of is a core.
    private static string Siblings(int processor)
    {
        string file = $"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list";
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : $"{processor}";
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return $"{processor}";
        }
    }
}
