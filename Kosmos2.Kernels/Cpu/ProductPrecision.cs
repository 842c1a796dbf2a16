namespace Kosmos2.Kernels.Cpu;

/// <summary>What a backend multiplies weights of less than F32 by.</summary>
public enum ProductPrecision
{
    /// <summary>Rows in F32, every weight widened to what it stands for.</summary>
    Exact,

    /// <summary>
    /// Rows in the weights' own precision: BF16 rows for BF16 weights; for integer weights without zero points, 8-bit integers with scales of their own. Several
    /// times as fast. Integers do so on every processor, with the same results; BF16 needs AVX-512 with BF16, on a processor that is not Intel's (there widened
    /// weights are multiplied faster), or, as F16 does, the tensor cores of a CUDA device; elsewhere its products stay exact. Tensor cores take BF16 rows for integers too, which become BF16; they also attend, in BF16, where a sequence has 16 queries or more.
    /// </summary>
    Fast,
}
