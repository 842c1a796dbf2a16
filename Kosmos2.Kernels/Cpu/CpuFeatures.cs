using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu;

/// <summary>What the machine can do, less what was switched off.</summary>
internal sealed class CpuFeatures
{
    private static readonly string[] Names = ["avx512", "avx2", "vector128", "assembler", "executable", "avx512bf16", "avx512vnni", "integers", "cudagraph", "clusters", "attention", "bytes"];
    private static readonly string EnvironmentNames = Environment.GetEnvironmentVariable("KOSMOS2_DISABLE") ?? "";

    private readonly HashSet<string> _disabled = new(StringComparer.OrdinalIgnoreCase);
    private readonly bool _slowKernels;

    /// <summary>Reads a comma list of kernel names, together with that of the environment.</summary>
    /// <param name="disable">The list.</param>
    /// <param name="slowKernels">Whether kernels are used too that others pass on this processor.</param>
    /// <exception cref="ArgumentException">One of the lists names a kernel that does not exist.</exception>
    public CpuFeatures(string disable, bool slowKernels = false)
    {
        _slowKernels = slowKernels;
        Add(disable, "disable");
        Add(EnvironmentNames, "KOSMOS2_DISABLE");
    }

    /// <summary>Whether kernels may be assembled.</summary>
    public bool Assembler => !_disabled.Contains("assembler");

    /// <summary>Whether the system is asked for executable memory; if not, it is as if it refused.</summary>
    public bool Executable => !_disabled.Contains("executable");

    /// <summary>Whether there are products of bfloat16 (AVX512-BF16: leaf 7.1, EAX bit 5).</summary>
    public bool BFloat16 => !_disabled.Contains("avx512bf16") && HasLeaf7(1) && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    /// <summary>
    /// Whether products of bfloat16 are faster than those of floats. Intel's processors, up to Emerald Rapids at least, begin a vdpbf16ps every other cycle, AMD's one in
    /// each, so that widened bfloat16s are multiplied twice as fast there.
    /// </summary>
    public bool FastBFloat16 => BFloat16 && (_slowKernels || !IsIntel);

    /// <summary>Whether Intel made the processor.</summary>
    public static bool IsIntel { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0).Ebx == 0x756E6547; // "Genu"

    /// <summary>Whether there are products of bytes (AVX512-VNNI: leaf 7.0, ECX bit 11).</summary>
    public bool Vnni => !_disabled.Contains("avx512vnni") && HasLeaf7(0) && (X86Base.CpuId(7, 0).Ecx & (1 << 11)) != 0;

    /// <summary>Whether the products of small integers that do without vpdpbusd, assembled or compiled, may be used.</summary>
    public bool Integers => !_disabled.Contains("integers");

    /// <summary>Whether a CUDA device may record its steps and repeat them.</summary>
    public bool CudaGraphs => !_disabled.Contains("cudagraph");

    /// <summary>Whether the blocks of a CUDA kernel may form clusters and share a sum.</summary>
    public bool Clusters => !_disabled.Contains("clusters");

    /// <summary>Whether a CUDA device may attend on tensor cores.</summary>
    public bool Attention => !_disabled.Contains("attention");

    /// <summary>Whether a CUDA device may multiply 8-bit weights with rows rounded to 8 bits.</summary>
    public bool Bytes => !_disabled.Contains("bytes");

    /// <summary>The width to compute with.</summary>
    /// <exception cref="PlatformNotSupportedException">The machine does not have the width asked for.</exception>
    public InstructionSet Choose(InstructionSet wanted)
    {
        if (wanted == InstructionSet.Auto)
            return Allowed(InstructionSet.Vector512) ?? Allowed(InstructionSet.Vector256) ?? Allowed(InstructionSet.Vector128) ?? InstructionSet.Scalar;
        return IsSupported(wanted) ? wanted : throw new PlatformNotSupportedException($"this machine has no {wanted} instructions");
    }

    /// <summary>Whether the machine has a width.</summary>
    public static bool IsSupported(InstructionSet set) => set switch
    {
        InstructionSet.Vector512 => Simd512.IsSupported,
        InstructionSet.Vector256 => Simd256.IsSupported,
        InstructionSet.Vector128 => Simd128.IsSupported,
        InstructionSet.Auto or InstructionSet.Scalar => true,
        _ => throw new ArgumentOutOfRangeException(nameof(set), set, "not an instruction set"),
    };

    /// <summary>What a width is called where users name it: in KOSMOS2_DISABLE, in lists of kernels, in files of panels.</summary>
    public static string NameOf(InstructionSet set) => set switch
    {
        InstructionSet.Vector512 => "avx512",
        InstructionSet.Vector256 => "avx2",
        InstructionSet.Vector128 => "vector128",
        InstructionSet.Scalar => "scalar",
        _ => throw new ArgumentOutOfRangeException(nameof(set), set, "not a width"),
    };

    private static bool HasLeaf7(int subleaf) => X86Base.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= subleaf;

    private InstructionSet? Allowed(InstructionSet set) => IsSupported(set) && !_disabled.Contains(NameOf(set)) ? set : null;

    private void Add(string names, string source)
    {
        foreach (string name in names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Names.Contains(name, StringComparer.OrdinalIgnoreCase))
                throw new ArgumentException($"{source} names the kernel '{name}'; known are {string.Join(", ", Names)}");
            _disabled.Add(name);
        }
    }
}
