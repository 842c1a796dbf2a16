using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>
/// A CUDA driver that is none: modules are texts, and a launch is executed by <see cref="PtxMachine"/> on <see cref="Memory"/>, or, without one, only
/// remembered. One at a time: the calls have no other place for their state.
/// </summary>
internal static unsafe class FakeCudaDriver
{
    /// <summary>What cuModuleLoadDataEx and cuLaunchKernel give back.</summary>
    public static int Result { get; set; }

    public static PtxGlobalMemory? Memory { get; set; }

    /// <summary>How many clusters find room, whatever their kernel.</summary>
    public static int Clusters { get; set; }

    /// <summary>What was asked for room: blocks of the cluster, threads and shared memory of a block.</summary>
    public static (LaunchGrid Blocks, LaunchGrid Threads, uint SharedBytes, uint Attributes) AskedForRoom { get; private set; }

    /// <summary>Texts that were loaded; a module and its function are their number.</summary>
    public static List<string> Modules { get; } = [];

    public static int Unloaded { get; private set; }

    public static (int Blocks, int Threads, int SharedBytes, nint Stream, ulong FirstArgument, uint ThirdArgument) Launched { get; private set; }

    public static int AllowedSharedBytes { get; private set; }

    public static Exception? Fault { get; private set; }

    public static CudaDriver Create()
    {
        (Result, Memory, Unloaded, Fault, Clusters) = (0, null, 0, null, 16);
        Modules.Clear();
        return new CudaDriver(name => name switch
        {
            "cuModuleLoadDataEx" => (nint)(delegate* unmanaged<nint*, byte*, uint, int*, void**, int>)&Load,
            "cuModuleUnload" => (nint)(delegate* unmanaged<nint, int>)&Unload,
            "cuModuleGetFunction" => (nint)(delegate* unmanaged<nint*, nint, byte*, int>)&GetFunction,
            "cuFuncSetAttribute" => (nint)(delegate* unmanaged<nint, int, int, int>)&SetAttribute,
            "cuDeviceGetAttribute" => (nint)(delegate* unmanaged<int*, int, int, int>)&GetDeviceAttribute,
            "cuGetErrorName" => (nint)(delegate* unmanaged<int, byte**, int>)&GetErrorName,
            "cuOccupancyMaxActiveClusters" => (nint)(delegate* unmanaged<int*, nint, uint*, int>)&MostClusters,
            "cuLaunchKernel" => (nint)(delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)&Launch,
            _ => throw new EntryPointNotFoundException(name),
        });
    }

    [UnmanagedCallersOnly]
    private static int Load(nint* module, byte* image, uint count, int* options, void** values)
    {
        Modules.Add(Marshal.PtrToStringUTF8((nint)image)!);
        *module = Modules.Count;
        if (Result != 0)
        {
            "ptxas error: line 7"u8.CopyTo(new Span<byte>(values[0], (int)values[1]));
            ((byte*)values[0])[19] = 0;
        }
        return Result;
    }

    [UnmanagedCallersOnly]
    private static int Unload(nint module)
    {
        Unloaded++;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static int GetFunction(nint* function, nint module, byte* name)
    {
        *function = module;
        return PtxProgram.Parse(Modules[(int)module - 1]).Name == Marshal.PtrToStringUTF8((nint)name) ? 0 : 500;
    }

    [UnmanagedCallersOnly]
    private static int SetAttribute(nint function, int attribute, int value)
    {
        AllowedSharedBytes = value;
        return attribute == 8 ? 0 : 1;
    }

    [UnmanagedCallersOnly]
    private static int GetDeviceAttribute(int* value, int attribute, int device)
    {
        *value = 232448;
        return attribute == 97 ? 0 : 1;
    }

    // The driver knows the error; the name lies in the program's constants, which do not move.
    [UnmanagedCallersOnly]
    private static int GetErrorName(int error, byte** name)
    {
        *name = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference("CUDA_ERROR_INVALID_PTX\0"u8));
        return error == 218 ? 0 : 1;
    }

    // CUlaunchConfig: seven numbers of 32 bits, the stream from byte 32 on, the attributes from 40, their count from 48.
    [UnmanagedCallersOnly]
    private static int MostClusters(int* clusters, nint function, uint* launch)
    {
        AskedForRoom = (new LaunchGrid((int)launch[0], (int)launch[1], (int)launch[2]), new LaunchGrid((int)launch[3], (int)launch[4], (int)launch[5]), launch[6], launch[12]);
        *clusters = Clusters;
        return *(ulong*)(launch + 8) == 0 && *(ulong*)(launch + 10) == 0 ? 0 : 1;
    }

    [UnmanagedCallersOnly]
    private static int Launch(
        nint function, uint x, uint y, uint z, uint threads, uint threadsY, uint threadsZ, uint shared, nint stream, void** arguments, void** extra)
    {
        Launched = ((int)(x * y * z), (int)(threads * threadsY * threadsZ), (int)shared, stream, *(ulong*)arguments[0], *(uint*)arguments[2]);
        if (Memory is not null && Result == 0)
            Execute(Modules[(int)function - 1], new LaunchGrid((int)x, (int)y, (int)z), (int)shared, arguments);
        return Result;
    }

    // No exception may pass into the caller, which thinks it calls a library.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Execute(string text, LaunchGrid blocks, int shared, void** arguments)
    {
        try
        {
            PtxProgram program = PtxProgram.Parse(text);
            var values = new ulong[program.Parameters.Count];
            for (int i = 0; i < values.Length; i++)
                values[i] = program.Parameters[i].Type == "u64" ? *(ulong*)arguments[i] : *(uint*)arguments[i];
            new PtxMachine(program, Memory!, shared).Launch(blocks, values);
        }
        catch (Exception fault) when (fault is PtxFault or IndexOutOfRangeException)
        {
            Fault = fault;
        }
    }
}
