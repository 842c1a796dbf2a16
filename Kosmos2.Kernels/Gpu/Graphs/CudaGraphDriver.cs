using System.Runtime.InteropServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Kosmos2.Kernels.Gpu.Graphs;

/// <summary>CUDA graphs on one of ILGPU's streams, through the driver's own calls (CUDA 11.4 or later); ILGPU 1.5.3 has none.</summary>
internal sealed unsafe class CudaGraphDriver : IGraphDriver
{
    // Other threads may allocate meanwhile.
    private const int CaptureModeRelaxed = 2;

    private readonly CudaAccelerator _accelerator;
    private readonly CudaStream _stream;
    private readonly delegate* unmanaged<nint, int, int> _beginCapture;
    private readonly delegate* unmanaged<nint, nint*, int> _endCapture;
    private readonly delegate* unmanaged<nint*, nint, ulong, int> _instantiate;
    private readonly delegate* unmanaged<nint, nint, int> _launch;
    private readonly delegate* unmanaged<nint, int> _destroyInstance;
    private readonly delegate* unmanaged<nint, int> _destroyGraph;

    private CudaGraphDriver(CudaAccelerator accelerator, CudaStream stream, nint library)
    {
        _accelerator = accelerator;
        _stream = stream;
        _beginCapture = (delegate* unmanaged<nint, int, int>)NativeLibrary.GetExport(library, "cuStreamBeginCapture_v2");
        _endCapture = (delegate* unmanaged<nint, nint*, int>)NativeLibrary.GetExport(library, "cuStreamEndCapture");
        _instantiate = (delegate* unmanaged<nint*, nint, ulong, int>)NativeLibrary.GetExport(library, "cuGraphInstantiateWithFlags");
        _launch = (delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(library, "cuGraphLaunch");
        _destroyInstance = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuGraphExecDestroy");
        _destroyGraph = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuGraphDestroy");
    }

    /// <summary>The driver's graphs; null where it is older than they are, or the queue is not CUDA's.</summary>
    public static CudaGraphDriver? TryCreate(Accelerator accelerator, AcceleratorStream queue)
    {
        if (accelerator is not CudaAccelerator cuda || queue is not CudaStream stream)
            return null;
        nint library = NativeLibrary.Load(IlgpuDevices.DriverOf(IlgpuDeviceKind.Cuda));
        return NativeLibrary.TryGetExport(library, "cuGraphInstantiateWithFlags", out _) ? new CudaGraphDriver(cuda, stream, library) : null;
    }

    /// <inheritdoc/>
    public bool Begin()
    {
        using var current = _accelerator.BindScoped();
        return _beginCapture(_stream.StreamPtr, CaptureModeRelaxed) == 0;
    }

    /// <inheritdoc/>
    public nint End()
    {
        using var current = _accelerator.BindScoped();
        nint graph = 0;
        if (_endCapture(_stream.StreamPtr, &graph) != 0 || graph == 0)
            return 0;
        nint instance = 0;
        int result = _instantiate(&instance, graph, 0);
        _destroyGraph(graph);
        return result == 0 ? instance : 0;
    }

    /// <inheritdoc/>
    public void Launch(nint graph)
    {
        using var current = _accelerator.BindScoped();
        CudaException.ThrowIfFailed((CudaError)_launch(graph, _stream.StreamPtr));
    }

    /// <inheritdoc/>
    public void Free(nint graph)
    {
        using var current = _accelerator.BindScoped();
        _destroyInstance(graph);
    }
}
