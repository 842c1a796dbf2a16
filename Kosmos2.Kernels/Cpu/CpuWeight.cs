namespace Kosmos2.Kernels.Cpu;

/// <summary>A weight read where it lies, in its own type, whatever its alignment. It owns nothing: the file stays mapped as long as its owner says.</summary>
internal sealed class CpuWeight(Tensor matrix) : PreparedWeight(matrix.Shape, matrix.DType)
{
    /// <summary>Address of the first element.</summary>
    /// <exception cref="InvalidOperationException">The memory was freed.</exception>
    public unsafe void* Pointer => matrix.HostPointer;
}
