namespace Kosmos2.Kernels.Gpu;

/// <summary>The device that was asked for is not there, or cannot be used; the message says why.</summary>
public sealed class DeviceUnavailableException : Exception
{
    /// <summary>Makes one without a reason.</summary>
    public DeviceUnavailableException()
        : this("the device is not available")
    {
    }

    /// <summary>Makes one.</summary>
    public DeviceUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one with its cause.</summary>
    public DeviceUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
