namespace Kosmos2.Kernels.Gpu;

/// <summary>What a backend has asked of its device so far; tests hold a step to its numbers.</summary>
internal sealed class DeviceCounters
{
    /// <summary>Kernels put into the queue, one by one or as a graph's only launch.</summary>
    public int Launches { get; set; }

    /// <summary>Times that the host has waited for the queue.</summary>
    public int Synchronisations { get; set; }

    /// <summary>Copies from the host.</summary>
    public int Uploads { get; set; }
}
