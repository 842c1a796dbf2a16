using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Kosmos2.Kernels.Gpu;

/// <summary>Tells the drivers' errors that leave a device unusable from all others.</summary>
internal static class DeviceLoss
{
    // clWaitForEvents when a command failed; ILGPU has it without its sign.
    private const CLError EventsFailed = (CLError)(-14);

    // After these, every call of the context answers with the same error.
    private static readonly HashSet<string> CudaErrors =
    [
        nameof(CudaError.CUDA_ERROR_DEINITIALIZED),
        nameof(CudaError.CUDA_ERROR_INVALID_CONTEXT),
        nameof(CudaError.CUDA_ERROR_ECC_UNCORRECTABLE),
        nameof(CudaError.CUDA_ERROR_NVLINK_UNCORRECTABLE),
        nameof(CudaError.CUDA_ERROR_ILLEGAL_ADDRESS),
        nameof(CudaError.CUDA_ERROR_LAUNCH_TIMEOUT),
        nameof(CudaError.CUDA_ERROR_CONTEXT_IS_DESTROYED),
        nameof(CudaError.CUDA_ERROR_ASSERT),
        nameof(CudaError.CUDA_ERROR_HARDWARE_STACK_ERROR),
        nameof(CudaError.CUDA_ERROR_ILLEGAL_INSTRUCTION),
        nameof(CudaError.CUDA_ERROR_MISALIGNED_ADDRESS),
        nameof(CudaError.CUDA_ERROR_INVALID_ADDRESS_SPACE),
        nameof(CudaError.CUDA_ERROR_INVALID_PC),
        nameof(CudaError.CUDA_ERROR_LAUNCH_FAILED),
        nameof(CudaError.CUDA_ERROR_UNKNOWN),
        // A memory error that the driver has contained: 721, for which ILGPU has no name.
        "CUDA_ERROR_CONTAINED",
        "721",
    ];

    /// <summary>Whether an exception says that the device is lost.</summary>
    public static bool Is(Exception exception) => exception switch
    {
        CudaException cuda => CudaErrors.Contains(CodeOf(cuda)),
        CLException cl => cl.Error is CLError.CL_OUT_OF_RESOURCES or CLError.CL_INVALID_COMMAND_QUEUE or CLError.CL_INVALID_CONTEXT
            or CLError.CL_DEVICE_NOT_AVAILABLE or EventsFailed,
        _ => false,
    };

    /// <summary>The driver's name of an error.</summary>
    public static string CodeOf(Exception exception) => exception switch
    {
        CudaException cuda => CodeOf(cuda),
        CLException cl => $"{cl.Error}",
        _ => exception.Message,
    };

    /// <summary>Releases something, which on a lost device may fail: it is gone already.</summary>
    public static void Forgive(Action release)
    {
        try
        {
            release();
        }
        catch (Exception e) when (Is(e))
        {
        }
    }

    // Our own calls of the driver leave the name in the message (CudaDriver).
    private static string CodeOf(CudaException exception) => exception.Error.StartsWith("N/A", StringComparison.Ordinal) ? exception.Message : exception.Error;
}
