using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>The assembled micro-kernels in executable memory.</summary>
internal sealed class AssembledKernels : IDisposable
{
    private readonly List<ExecutableMemory> _memory = [];
    private readonly Func<byte[], ExecutableMemory?> _allocate;
    private readonly Lazy<TileKernels?> _bfloat16;
    private readonly Lazy<TileKernels?> _widenedBFloat16;
    private readonly Lazy<TileKernels?> _int8;
    private readonly Lazy<TileKernels?> _pairedInt8;
    private readonly Lazy<TileKernels?> _int4;

    private AssembledKernels(CpuFeatures features, bool wide, Func<byte[], ExecutableMemory?> allocate)
    {
        _allocate = allocate;
        _bfloat16 = Later(wide && features.FastBFloat16, lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.BFloat16, lines));
        _widenedBFloat16 = Later(wide, lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.WidenedBFloat16, lines), widens: true);
        _int8 = Later(wide && features.Vnni, lines => new ByteTileAssembler(PlainBytes.Words, lines));
        _pairedInt8 = Later(!wide && features.Integers, lines => new PairTileAssembler(PairedBytes.Words, lines));
        _int4 = Later(wide && features.Vnni, lines => new NibbleTileAssembler(lines), linesAhead: NibbleTileAssembler.LinesAhead.ToArray());
    }

    /// <summary>Kernels for F32. All tables are valid for as long as this object lives.</summary>
    public TileKernels Float32 { get; private set; } = null!;

    /// <summary>Kernels for bfloat16; null where the machine lacks them, or multiplies floats faster. As all that follow, they are assembled when they are first asked for.</summary>
    public TileKernels? BFloat16 => _bfloat16.Value;

    /// <summary>Kernels for F32 that take panels of bfloat16; null at widths that have none.</summary>
    public TileKernels? WidenedBFloat16 => _widenedBFloat16.Value;

    /// <summary>Kernels for 8-bit weights and rows of <see cref="PlainBytes"/>; null where the machine lacks them.</summary>
    public TileKernels? Int8 => _int8.Value;

    /// <summary>Kernels for 8-bit weights and rows of <see cref="PairedBytes"/>; null where there are none, or <see cref="Int8"/> are better.</summary>
    public TileKernels? PairedInt8 => _pairedInt8.Value;

    /// <summary>Kernels for 4-bit weights; null where the machine lacks them.</summary>
    public TileKernels? Int4 => _int4.Value;

    /// <summary>Assembles the kernels of a width that the machine can run; null when there are none, or when memory for them is refused.</summary>
    /// <param name="features">The machine.</param>
    /// <param name="set">The width of all other kernels, which must be that of these.</param>
    /// <param name="allocate">Puts code into executable memory or returns null.</param>
    public static AssembledKernels? TryCreate(CpuFeatures features, InstructionSet set, Func<byte[], ExecutableMemory?> allocate)
    {
        if (!features.Assembler || set is not (InstructionSet.Vector512 or InstructionSet.Vector256))
            return null;
        bool wide = set == InstructionSet.Vector512;
        var kernels = new AssembledKernels(features, wide, features.Executable ? allocate : _ => null);
        if (kernels.Load(lines => new TileAssembler(wide ? TileRegisters.Zmm : TileRegisters.Ymm, TileArithmetic.Float32, lines), widens: false, TileKernels.LinesAhead.ToArray()) is not { } floats)
        {
            kernels.Dispose();
            return null;
        }
        kernels.Float32 = floats;
        return kernels;
    }

    public void Dispose()
    {
        foreach (ExecutableMemory memory in _memory)
            memory.Dispose();
        _memory.Clear();
    }

    private Lazy<TileKernels?> Later(bool exists, Func<int, KernelAssembler> make, bool widens = false, int[]? linesAhead = null) =>
        new(() => exists ? Load(make, widens, linesAhead ?? TileKernels.LinesAhead.ToArray()) : null);

    private TileKernels? Load(Func<int, KernelAssembler> make, bool widens, int[] linesAhead)
    {
        var tables = new TileTable[linesAhead.Length];
        for (int i = 0; i < tables.Length; i++)
        {
            if (Load(make(linesAhead[i])) is not { } table)
                return null;
            tables[i] = table;
        }
        return new TileKernels(streams: !CpuFeatures.IsIntel, widens, linesAhead, tables);
    }

    private TileTable? Load(KernelAssembler assembler)
    {
        (byte[] code, int[] offsets) = assembler.Assemble();
        if (_allocate(code) is not { } memory)
            return null;
        _memory.Add(memory);
        return TileTable.Assembled(Array.ConvertAll(offsets, offset => memory.Address + offset));
    }
}
