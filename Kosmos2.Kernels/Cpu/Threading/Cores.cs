namespace Kosmos2.Kernels.Cpu.Threading;

/// <summary>How many threads are worth starting.</summary>
internal static class Cores
{
    /// <summary>
    /// The processors this process may use (affinity and container limits counted in), at most one for each physical core: two threads on one
    /// core share its multipliers and only get into each other's caches.
    /// </summary>
    public static int Available() => Math.Max(1, Math.Min(Environment.ProcessorCount, Physical() ?? int.MaxValue));

    // Linux lists, for each processor, those that share its core. Elsewhere the processors are taken as cores.
    private static int? Physical()
    {
        const string Folder = "/sys/devices/system/cpu";
        try
        {
            var cores = new HashSet<string>();
            foreach (string processor in Directory.Exists(Folder) ? Directory.EnumerateDirectories(Folder, "cpu*") : [])
            {
                string siblings = Path.Combine(processor, "topology", "thread_siblings_list");
                if (File.Exists(siblings))
                    cores.Add(File.ReadAllText(siblings).Trim());
            }
            return cores.Count > 0 ? cores.Count : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
