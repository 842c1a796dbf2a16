namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>A kernel that the driver has compiled from our text.</summary>
internal sealed class PtxKernel : IDisposable
{
    private readonly CudaDriver _driver;
    private readonly nint _module;
    private readonly nint _function;
    private readonly int _threads;
    private readonly int _sharedBytes;

    /// <summary>Compiles it.</summary>
    /// <param name="driver">By whom.</param>
    /// <param name="name">Name of the text's entry point.</param>
    /// <param name="text">In PTX.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="sharedBytes">Shared memory of a block.</param>
    /// <param name="cluster">Blocks of a cluster, which are neighbours in y.</param>
    /// <exception cref="DeviceUnavailableException">The driver refuses the text.</exception>
    public PtxKernel(CudaDriver driver, string name, string text, int threads, int sharedBytes, int cluster = 1)
    {
        (_driver, _threads, _sharedBytes) = (driver, threads, sharedBytes);
        _module = driver.LoadModule(text);
        _function = driver.GetFunction(_module, name, sharedBytes);
        HasRoom = cluster == 1 || driver.MostClusters(_function, new LaunchGrid(1, cluster), threads, sharedBytes) > 0;
    }

    /// <summary>Whether the device can run it: blocks of a cluster run beside each other in one part of it, which may be too small for them.</summary>
    public bool HasRoom { get; }

    /// <summary>Puts it into a stream.</summary>
    public void Launch(nint stream, LaunchGrid blocks, ReadOnlySpan<ulong> arguments) => _driver.Launch(_function, blocks, _threads, _sharedBytes, stream, arguments);

    /// <inheritdoc/>
    public void Dispose() => _driver.UnloadModule(_module);
}
