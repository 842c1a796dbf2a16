namespace Kosmos2.Kernels.Gpu;

/// <summary>A device has no room for what was asked of it; the message says what, how much it takes and how much is free.</summary>
public sealed class DeviceMemoryException : Exception
{
    /// <summary>Makes one without figures.</summary>
    public DeviceMemoryException()
        : this("the device has no room")
    {
    }

    /// <summary>Makes one.</summary>
    public DeviceMemoryException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one with its cause.</summary>
    public DeviceMemoryException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Makes one with its figures.</summary>
    /// <param name="what">What there was no room for.</param>
    /// <param name="neededBytes">Bytes that it takes.</param>
    /// <param name="freeBytes">Bytes that are free on the device, as far as its driver says.</param>
    /// <param name="innerException">The driver's error, if it was asked.</param>
    public DeviceMemoryException(string what, long neededBytes, long freeBytes, Exception? innerException = null)
        : this(what, neededBytes, freeBytes, "smaller weights take less (--format bf16, int8 or int4)", innerException)
    {
    }

    /// <summary>Makes one that says what would help.</summary>
    internal DeviceMemoryException(string what, long neededBytes, long freeBytes, string advice, Exception? innerException = null)
        : base(FormattableString.Invariant($"no room on the device for {what}: {neededBytes} bytes needed, {freeBytes} free; {advice}"), innerException)
    {
        NeededBytes = neededBytes;
        FreeBytes = freeBytes;
    }

    /// <summary>Bytes that were needed; 0 when unknown.</summary>
    public long NeededBytes { get; }

    /// <summary>Bytes that were free; 0 when unknown.</summary>
    public long FreeBytes { get; }
}
