namespace Kosmos2.Kernels.Gpu;

/// <summary>
/// A device has failed while it ran (a kernel's fault, an error of its memory, a driver that was reset), and with it all that it held. Its backend refuses every
/// further call with this exception and can only be disposed; the process goes on, and may open the device again with <see cref="Backends.Create(string)"/>.
/// </summary>
public sealed class DeviceLostException : Exception
{
    /// <summary>Makes one without a reason.</summary>
    public DeviceLostException()
        : this("the device was lost")
    {
    }

    /// <summary>Makes one.</summary>
    public DeviceLostException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one with its cause.</summary>
    public DeviceLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
