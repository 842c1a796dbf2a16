namespace Kosmos2.Kernels.Cpu;

/// <summary>What a backend multiplies weights of less than F32 by.</summary>
public enum ProductPrecision
{
    /// <summary>Rows in F32, every weight widened to what it stands for.</summary>
    Exact,

    /// <summary>
    /// Rows in the weights' own precision: BF16 rows for BF16 weights; for integer weights without zero points, 8-bit integers with scales of their own. Several
    /// times as fast where the machine has the instructions (AVX-512 with BF16, with VNNI; for BF16 and F16 the tensor cores of a CUDA device); elsewhere
    /// products stay exact.
    /// </summary>
    Fast,
}
