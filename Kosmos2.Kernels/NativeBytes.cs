namespace Kosmos2.Kernels;

/// <summary>Counts the native memory that tensors and working buffers hold, which the garbage collector's own figures leave out.</summary>
internal static class NativeBytes
{
    private static long _held;
    private static long _allocations;

    /// <summary>Bytes held now.</summary>
    public static long Held => Interlocked.Read(ref _held);

    /// <summary>Allocations so far.</summary>
    public static long Allocations => Interlocked.Read(ref _allocations);

    /// <summary>Counts an allocation.</summary>
    public static void Add(long bytes)
    {
        Interlocked.Add(ref _held, bytes);
        Interlocked.Increment(ref _allocations);
    }

    /// <summary>Counts what was freed.</summary>
    public static void Remove(long bytes) => Interlocked.Add(ref _held, -bytes);
}
