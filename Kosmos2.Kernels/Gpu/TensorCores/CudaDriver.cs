using System.Runtime.InteropServices;
using ILGPU.Runtime.Cuda;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// The calls of NVIDIA's driver that ILGPU does not offer: a module from text with the compiler's complaints, a function's shared memory beyond 48 KB, and a
/// launch by bare arguments. They work in the context that ILGPU has made current.
/// </summary>
internal sealed unsafe class CudaDriver
{
    private const int JitErrorLogBuffer = 5;
    private const int JitErrorLogBytes = 6;
    private const int FunctionMostDynamicShared = 8;
    private const int DeviceMostSharedOptIn = 97;

    // Long enough for the compiler's first complaints.
    private const int LogBytes = 4096;

    private readonly Func<string, nint> _export;
    private readonly delegate* unmanaged<nint*, byte*, uint, int*, void**, int> _loadModule;
    private readonly delegate* unmanaged<nint, int> _unloadModule;
    private readonly delegate* unmanaged<nint*, nint, byte*, int> _getFunction;
    private readonly delegate* unmanaged<nint, int, int, int> _setAttribute;
    private readonly delegate* unmanaged<int*, int, int, int> _getDeviceAttribute;
    private readonly delegate* unmanaged<int, byte**, int> _getErrorName;
    private readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> _launch;

    /// <summary>Takes the calls from wherever they are.</summary>
    /// <param name="export">The address of a function of that name.</param>
    public CudaDriver(Func<string, nint> export)
    {
        _export = export;
        _loadModule = (delegate* unmanaged<nint*, byte*, uint, int*, void**, int>)export("cuModuleLoadDataEx");
        _unloadModule = (delegate* unmanaged<nint, int>)export("cuModuleUnload");
        _getFunction = (delegate* unmanaged<nint*, nint, byte*, int>)export("cuModuleGetFunction");
        _setAttribute = (delegate* unmanaged<nint, int, int, int>)export("cuFuncSetAttribute");
        _getDeviceAttribute = (delegate* unmanaged<int*, int, int, int>)export("cuDeviceGetAttribute");
        _getErrorName = (delegate* unmanaged<int, byte**, int>)export("cuGetErrorName");
        _launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)export("cuLaunchKernel");
    }

    /// <summary>The driver of this machine, which stays loaded.</summary>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    public static CudaDriver Load()
    {
        nint library = NativeLibrary.Load(IlgpuDevices.DriverOf(IlgpuDeviceKind.Cuda));
        return new CudaDriver(name => NativeLibrary.GetExport(library, name));
    }

    /// <summary>The most shared memory that a block may ask for, in bytes.</summary>
    public int MostSharedBytes(int device)
    {
        int bytes;
        Check(_getDeviceAttribute(&bytes, DeviceMostSharedOptIn, device));
        return bytes;
    }

    /// <summary>Compiles a text.</summary>
    /// <param name="text">In PTX.</param>
    /// <exception cref="DeviceUnavailableException">The driver refuses it; the message has the compiler's.</exception>
    public nint LoadModule(string text)
    {
        nint image = Marshal.StringToCoTaskMemUTF8(text);
        try
        {
            byte* log = stackalloc byte[LogBytes];
            log[0] = 0;
            int* options = stackalloc int[] { JitErrorLogBuffer, JitErrorLogBytes };
            void** values = stackalloc void*[] { log, (void*)LogBytes };
            nint module;
            int result = _loadModule(&module, (byte*)image, 2, options, values);
            return result == 0 ? module
                : throw new DeviceUnavailableException($"the CUDA driver refuses a kernel ({NameOf(result)}): {Marshal.PtrToStringUTF8((nint)log)}");
        }
        finally
        {
            Marshal.FreeCoTaskMem(image);
        }
    }

    /// <summary>Frees a module.</summary>
    public void UnloadModule(nint module) => Check(_unloadModule(module));

    /// <summary>A kernel of a module, allowed to have so much shared memory.</summary>
    public nint GetFunction(nint module, string name, int sharedBytes)
    {
        nint bytes = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            nint function;
            Check(_getFunction(&function, module, (byte*)bytes));
            Check(_setAttribute(function, FunctionMostDynamicShared, sharedBytes));
            return function;
        }
        finally
        {
            Marshal.FreeCoTaskMem(bytes);
        }
    }

    /// <summary>How many clusters of a kernel whose text asks for them the device can hold at once; none if it has no part with room for one.</summary>
    /// <param name="function">The kernel.</param>
    /// <param name="cluster">One cluster as a grid.</param>
    /// <param name="threads">Of a block.</param>
    /// <param name="sharedBytes">Of a block.</param>
    public int MostClusters(nint function, LaunchGrid cluster, int threads, int sharedBytes)
    {
        // Drivers before CUDA 11.8 do not have it, nor clusters.
        var mostClusters = (delegate* unmanaged<int*, nint, LaunchConfiguration*, int>)_export("cuOccupancyMaxActiveClusters");
        var launch = new LaunchConfiguration(cluster, threads, sharedBytes);
        int clusters;
        return mostClusters(&clusters, function, &launch) == 0 ? clusters : 0;
    }

    /// <summary>Puts a kernel into a stream, with its arguments in 8 bytes each, of which the lower 4 count for numbers. Allocates nothing.</summary>
    public void Launch(nint function, LaunchGrid blocks, int threads, int sharedBytes, nint stream, ReadOnlySpan<ulong> arguments)
    {
        void** places = stackalloc void*[arguments.Length];
        fixed (ulong* first = arguments)
        {
            for (int i = 0; i < arguments.Length; i++)
                places[i] = first + i;
            Check(_launch(function, (uint)blocks.X, (uint)blocks.Y, (uint)blocks.Z, (uint)threads, 1, 1, (uint)sharedBytes, stream, places, null));
        }
    }

    // The driver's CUlaunchConfig; attributes, of which there are none here, would come last.
    [StructLayout(LayoutKind.Sequential)]
    internal readonly struct LaunchConfiguration(LaunchGrid blocks, int threads, int sharedBytes)
    {
        public readonly uint BlocksX = (uint)blocks.X, BlocksY = (uint)blocks.Y, BlocksZ = (uint)blocks.Z;
        public readonly uint ThreadsX = (uint)threads, ThreadsY = 1, ThreadsZ = 1;
        public readonly uint SharedBytes = (uint)sharedBytes;
        public readonly nint Stream, Attributes;
        public readonly uint AttributeCount;
    }

    // As ILGPU's own calls report failures, so that there is one exception to handle.
    private void Check(int result)
    {
        if (result != 0)
            throw new CudaException(NameOf(result));
    }

    private string NameOf(int error)
    {
        byte* name;
        return _getErrorName(error, &name) == 0 && Marshal.PtrToStringUTF8((nint)name) is { } known ? known : $"CUDA error {error}";
    }
}
