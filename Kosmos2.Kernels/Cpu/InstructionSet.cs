namespace Kosmos2.Kernels.Cpu;

/// <summary>Width of the vectors that a <see cref="CpuBackend"/> computes with.</summary>
public enum InstructionSet
{
    /// <summary>The widest that the machine has and that is not switched off.</summary>
    Auto,

    /// <summary>AVX-512: 16 floats.</summary>
    Vector512,

    /// <summary>AVX2 with FMA: 8 floats.</summary>
    Vector256,

    /// <summary>SSE or NEON: 4 floats.</summary>
    Vector128,

    /// <summary>No vectors: any machine, slow.</summary>
    Scalar,
}
