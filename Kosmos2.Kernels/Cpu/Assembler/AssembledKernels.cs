using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>The assembled micro-kernels in executable memory.</summary>
internal sealed class AssembledKernels : IDisposable
{
    private readonly List<ExecutableMemory> _memory = [];

    private AssembledKernels()
    {
    }

    /// <summary>Kernels for F32. All tables are valid for as long as this object lives.</summary>
    public TileKernels Float32 { get; private set; } = null!;

    /// <summary>Kernels for bfloat16; null where the machine lacks them, or multiplies floats faster.</summary>
    public TileKernels? BFloat16 { get; private set; }

    /// <summary>Kernels for F32 that take panels of bfloat16; null at widths that have none.</summary>
    public TileKernels? WidenedBFloat16 { get; private set; }

    /// <summary>Kernels for 8-bit weights and rows of <see cref="PlainBytes"/>; null where the machine lacks them.</summary>
    public TileKernels? Int8 { get; private set; }

    /// <summary>Kernels for 8-bit weights and rows of <see cref="PairedBytes"/>; null where there are none, or <see cref="Int8"/> are better.</summary>
    public TileKernels? PairedInt8 { get; private set; }

    /// <summary>Kernels for 4-bit weights; null where the machine lacks them.</summary>
    public TileKernels? Int4 { get; private set; }

    /// <summary>Assembles the kernels of a width that the machine can run; null when there are none, or when memory for them is refused.</summary>
    /// <param name="features">The machine.</param>
    /// <param name="set">The width of all other kernels, which must be that of these.</param>
    /// <param name="allocate">Puts code into executable memory or returns null.</param>
    public static AssembledKernels? TryCreate(CpuFeatures features, InstructionSet set, Func<byte[], ExecutableMemory?> allocate)
    {
        if (!features.Assembler || set is not (InstructionSet.Vector512 or InstructionSet.Vector256))
            return null;
        if (!features.Executable)
            allocate = _ => null;
        bool wide = set == InstructionSet.Vector512;
        var kernels = new AssembledKernels();
        if (kernels.Load(lines => new TileAssembler(wide ? TileRegisters.Zmm : TileRegisters.Ymm, TileArithmetic.Float32, lines), allocate) is not { } floats)
        {
            kernels.Dispose();
            return null;
        }
        kernels.Float32 = floats;
        if (wide)
            kernels.WidenedBFloat16 = kernels.Load(lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.WidenedBFloat16, lines), allocate, widens: true);
        if (wide && features.FastBFloat16)
            kernels.BFloat16 = kernels.Load(lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.BFloat16, lines), allocate);
        if (wide && features.Vnni)
        {
            kernels.Int8 = kernels.Load(lines => new ByteTileAssembler(PlainBytes.Words, lines), allocate);
            kernels.Int4 = kernels.Load(lines => new NibbleTileAssembler(lines), allocate, linesAhead: NibbleTileAssembler.LinesAhead);
        }
        if (!wide && features.Integers)
            kernels.PairedInt8 = kernels.Load(lines => new PairTileAssembler(PairedBytes.Words, lines), allocate);
        return kernels;
    }

    public void Dispose()
    {
        foreach (ExecutableMemory memory in _memory)
            memory.Dispose();
        _memory.Clear();
    }

    private TileKernels? Load(Func<int, KernelAssembler> make, Func<byte[], ExecutableMemory?> allocate, bool widens = false, ReadOnlySpan<int> linesAhead = default)
    {
        int[] lines = linesAhead.IsEmpty ? TileKernels.LinesAhead.ToArray() : linesAhead.ToArray();
        var tables = new TileTable[lines.Length];
        for (int i = 0; i < tables.Length; i++)
        {
            if (Load(make(lines[i]), allocate, widens) is not { } table)
                return null;
            tables[i] = table;
        }
        return new TileKernels(streams: !CpuFeatures.IsIntel, lines, tables);
    }

    private TileTable? Load(KernelAssembler assembler, Func<byte[], ExecutableMemory?> allocate, bool widens)
    {
        (byte[] code, int[] offsets) = assembler.Assemble();
        if (allocate(code) is not { } memory)
            return null;
        _memory.Add(memory);
        return TileTable.Assembled(Array.ConvertAll(offsets, offset => memory.Address + offset), widens);
    }
}
