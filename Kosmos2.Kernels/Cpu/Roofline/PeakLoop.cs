namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>A loop whose speed is a limit of the machine.</summary>
internal enum PeakLoop
{
    /// <summary>Additions of general registers, each waiting for the one before: one a clock cycle.</summary>
    Clock,

    /// <summary>Multiply-adds of 16 floats (AVX-512).</summary>
    Fma512,

    /// <summary>Multiply-adds of 8 floats (AVX2).</summary>
    Fma256,

    /// <summary>Multiply-adds of 4 floats.</summary>
    Fma128,

    /// <summary>Products of 32 pairs of bfloat16s (vdpbf16ps).</summary>
    BFloat16,

    /// <summary>Products of 64 pairs of bytes (vpdpbusd).</summary>
    Bytes,

    /// <summary>Products of 32 pairs of 16-bit integers (AVX-512's vpmaddwd), to which sums are not added yet.</summary>
    Shorts512,

    /// <summary>Products of 16 pairs of 16-bit integers (AVX2).</summary>
    Shorts256,

    /// <summary>Products of 8 pairs of 16-bit integers.</summary>
    Shorts128,

    /// <summary>Products of 64 pairs of bytes (AVX-512's vpmaddubsw), to which sums are not added yet.</summary>
    Bytes512,

    /// <summary>Products of 32 pairs of bytes (AVX2).</summary>
    Bytes256,

    /// <summary>Products of 16 pairs of bytes.</summary>
    Bytes128,
}

/// <summary>What one instruction of a loop does.</summary>
internal static class PeakLoops
{
    /// <summary>Multiplications and additions of an instruction, 1 for <see cref="PeakLoop.Clock"/>.</summary>
    public static int Operations(this PeakLoop loop) => loop switch
    {
        PeakLoop.Fma512 => 32,
        PeakLoop.Fma256 => 16,
        PeakLoop.Fma128 => 8,
        PeakLoop.BFloat16 => 64,
        PeakLoop.Bytes => 128,
        PeakLoop.Shorts512 => 64,
        PeakLoop.Shorts256 => 32,
        PeakLoop.Shorts128 => 16,
        PeakLoop.Bytes512 => 128,
        PeakLoop.Bytes256 => 64,
        PeakLoop.Bytes128 => 32,
        _ => 1,
    };

    /// <summary>Name in tables and in JSON.</summary>
    public static string Name(this PeakLoop loop) => loop switch
    {
        PeakLoop.Fma512 => "fma512",
        PeakLoop.Fma256 => "fma256",
        PeakLoop.Fma128 => "fma128",
        PeakLoop.BFloat16 => "vdpbf16ps",
        PeakLoop.Bytes => "vpdpbusd",
        PeakLoop.Shorts512 or PeakLoop.Shorts256 or PeakLoop.Shorts128 => "vpmaddwd",
        PeakLoop.Bytes512 or PeakLoop.Bytes256 or PeakLoop.Bytes128 => "vpmaddubsw",
        _ => "clock",
    };
}
