using System.Globalization;
using Iced.Intel;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu;

/// <summary>A kernel of this program.</summary>
/// <param name="Name">As in <c>int8</c>.</param>
/// <param name="Assembled">Whether it is assembled at run time; the runtime compiles the others.</param>
/// <param name="Purpose">What it computes.</param>
/// <param name="Off">Why it is not used; null for one that is.</param>
internal sealed record KernelEntry(string Name, bool Assembled, string Purpose, string? Off);

/// <summary>The kernels by name: which of them a backend made now would use, and the machine code of those that are assembled.</summary>
internal static class KernelCatalog
{
    private static readonly (string Name, string Purpose, InstructionSet Set, string Switch, Func<KernelAssembler> Make)[] Assembled =
    [
        ("f32", "products of F32, AVX-512", InstructionSet.Vector512, "assembler", () => new TileAssembler(TileRegisters.Zmm, TileArithmetic.Float32)),
        ("bf16", "fast products of BF16, vdpbf16ps", InstructionSet.Vector512, "avx512bf16", () => new TileAssembler(TileRegisters.Zmm, TileArithmetic.BFloat16)),
        ("bf16-exact", "exact products of BF16, AVX-512", InstructionSet.Vector512, "assembler", () => new TileAssembler(TileRegisters.Zmm, TileArithmetic.WidenedBFloat16)),
        ("int8", "fast products of 8-bit weights, vpdpbusd", InstructionSet.Vector512, "avx512vnni", () => new ByteTileAssembler(PlainBytes.Words)),
        ("int4", "fast products of 4-bit weights, vpdpbusd", InstructionSet.Vector512, "avx512vnni", () => new NibbleTileAssembler()),
        ("f32-avx2", "products of F32, AVX2", InstructionSet.Vector256, "assembler", () => new TileAssembler(TileRegisters.Ymm, TileArithmetic.Float32)),
        ("int8-avx2", "fast products of 8-bit weights, AVX2", InstructionSet.Vector256, "integers", () => new PairTileAssembler(PairedBytes.Words)),
    ];

    private static readonly (string Purpose, InstructionSet Set)[] Compiled =
    [
        ("everything, vectors of 16 floats", InstructionSet.Vector512),
        ("everything, vectors of 8 floats", InstructionSet.Vector256),
        ("everything, vectors of 4 floats", InstructionSet.Vector128),
        ("everything, one float at a time", InstructionSet.Scalar),
    ];

    /// <summary>The names that <see cref="Disassemble"/> knows.</summary>
    public static IEnumerable<string> AssembledNames => Assembled.Select(kernel => kernel.Name);

    /// <summary>All kernels, with KOSMOS2_DISABLE counted in.</summary>
    /// <exception cref="ArgumentException">The variable names a kernel that does not exist.</exception>
    public static IReadOnlyList<KernelEntry> List()
    {
        var features = new CpuFeatures("");
        InstructionSet chosen = features.Choose(InstructionSet.Auto);
        using AssembledKernels? loaded = AssembledKernels.TryCreate(features, chosen, ExecutableMemory.TryCreate);
        string? all = !features.Assembler ? "disabled: assembler" : null;
        string? refused = loaded is null ? "the system refuses executable memory" : null;
        return
        [
            .. Assembled.Select(kernel => new KernelEntry(
                kernel.Name, true, kernel.Purpose, all ?? Unused(kernel.Set, chosen) ?? refused ?? Missing(kernel.Name, kernel.Switch, features, loaded!))),
            .. Compiled.Select(kernel => new KernelEntry(CpuFeatures.NameOf(kernel.Set), false, kernel.Purpose, Unused(kernel.Set, chosen))),
            new KernelEntry("integers", false, "fast products of 8-bit and 4-bit weights, vectors of the same width", Replaced(features, loaded)),
        ];
    }

    /// <summary>The instructions of an assembled kernel, one a line, in Intel's order of operands.</summary>
    /// <param name="name">One of <see cref="AssembledNames"/>.</param>
    /// <param name="rows">Rows of the tile; null for the largest.</param>
    /// <exception cref="ArgumentException">There is no such kernel, or it has no such tile.</exception>
    public static IEnumerable<string> Disassemble(string name, int? rows = null)
    {
        int index = Array.FindIndex(Assembled, kernel => kernel.Name == name);
        if (index < 0)
            throw new ArgumentException($"no assembled kernel '{name}'; known are {string.Join(", ", AssembledNames)}");
        (byte[] code, int[] offsets) = Assembled[index].Make().Assemble();
        int tile = rows ?? offsets.Length;
        if (tile < 1 || tile > offsets.Length)
            throw new ArgumentException($"kernel '{name}' has tiles of 1 to {offsets.Length} rows, none of {tile}");
        return Lines(code, offsets[tile - 1], tile < offsets.Length ? offsets[tile] : code.Length);
    }

    private static IEnumerable<string> Lines(byte[] code, int start, int end)
    {
        var formatter = new IntelFormatter();
        var output = new StringOutput();
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code, start, end - start), (ulong)start);
        while (decoder.IP < (ulong)end)
        {
            Instruction instruction = decoder.Decode();
            formatter.Format(instruction, output);
            yield return string.Create(CultureInfo.InvariantCulture, $"{instruction.IP:x5}  {output.ToStringAndReset()}");
        }
    }

    private static string? Missing(string name, string feature, CpuFeatures features, AssembledKernels loaded)
    {
        TileKernels? table = name switch
        {
            "bf16" => loaded.BFloat16,
            "bf16-exact" => loaded.WidenedBFloat16,
            "int8" => loaded.Int8,
            "int8-avx2" => loaded.PairedInt8,
            "int4" => loaded.Int4,
            _ => loaded.Float32,
        };
        return table is not null ? null : name == "bf16" && features.BFloat16 ? "slower than f32 on this processor" : $"{feature} is missing or disabled";
    }

    private static string? Replaced(CpuFeatures features, AssembledKernels? loaded) =>
        loaded?.Int8 is not null && loaded.Int4 is not null ? "int8 and int4 are assembled" : features.Integers ? null : "disabled";

    private static string? Unused(InstructionSet set, InstructionSet chosen) =>
        set == chosen ? null : !CpuFeatures.IsSupported(set) ? "not on this machine" : set > chosen ? $"{chosen} is chosen" : "disabled";
}
