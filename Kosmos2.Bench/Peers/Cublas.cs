using System.Globalization;
using System.Runtime.InteropServices;
using Kosmos2.Kernels;

namespace Kosmos2.Bench.Peers;

/// <summary>NVIDIA's cuBLAS, where its library is found: products on the current CUDA context's stream.</summary>
internal sealed unsafe class Cublas : IDisposable
{
    private const int Transposed = 1;
    private const int AsItIs = 0;
    private const int Compute32F = 68;
    private const int DefaultAlgorithm = -1;

    private readonly nint _handle;
    private readonly delegate* unmanaged<nint, int> _destroy;
    private readonly delegate* unmanaged<nint, int, int, int, int, int, float*, nint, int, int, nint, int, int, float*, nint, int, int, int, int, int> _multiply;

    private Cublas(nint library, nint stream)
    {
        var create = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(library, "cublasCreate_v2");
        var setStream = (delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(library, "cublasSetStream_v2");
        _destroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cublasDestroy_v2");
        _multiply = (delegate* unmanaged<nint, int, int, int, int, int, float*, nint, int, int, nint, int, int, float*, nint, int, int, int, int, int>)
            NativeLibrary.GetExport(library, "cublasGemmEx");
        nint handle;
        Check(create(&handle));
        _handle = handle;
        Check(setStream(handle, stream));
    }

    /// <summary>Opens the library; null where there is none.</summary>
    public static Cublas? TryOpen(nint stream)
    {
        string[] names = OperatingSystem.IsWindows() ? ["cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"] : ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11"];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
                return new Cublas(library, stream);
        }
        return null;
    }

    /// <summary>y [rows, outputs] = x [rows, inputs] W [outputs, inputs]^T; y and the sums in F32. Seen column by column, as cuBLAS does: y^T = W x^T.</summary>
    public void Multiply(DType type, nint x, nint w, nint y, MatMulShape shape)
    {
        float one = 1, zero = 0;
        int operands = TypeOf(type);
        Check(_multiply(
            _handle, Transposed, AsItIs, shape.Outputs, shape.Rows, shape.Inputs, &one, w, operands, shape.Inputs, x, operands, shape.Inputs, &zero, y,
            TypeOf(DType.F32), shape.Outputs, Compute32F, DefaultAlgorithm));
    }

    public void Dispose() => Check(_destroy(_handle));

    private static int TypeOf(DType type) => type switch { DType.F16 => 2, DType.BF16 => 14, _ => 0 };

    private static void Check(int status)
    {
        if (status != 0)
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"cuBLAS failed with status {status}"));
    }
}
