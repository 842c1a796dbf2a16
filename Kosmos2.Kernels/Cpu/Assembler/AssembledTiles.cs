using Kosmos2.Kernels.Cpu.Linear;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>The assembled micro-kernels in executable memory.</summary>
internal sealed class AssembledTiles : IDisposable
{
    private readonly ExecutableMemory _memory;

    private AssembledTiles(ExecutableMemory memory, int[] offsets)
    {
        _memory = memory;
        Table = TileTable.Assembled(Array.ConvertAll(offsets, offset => memory.Address + offset));
    }

    /// <summary>The kernels, for as long as this object lives.</summary>
    public TileTable Table { get; }

    /// <summary>Assembles the kernels; null when memory for them is refused.</summary>
    /// <param name="allocate">Puts code into executable memory or returns null.</param>
    public static AssembledTiles? TryCreate(Func<byte[], ExecutableMemory?> allocate)
    {
        (byte[] code, int[] offsets) = TileAssembler.Assemble();
        ExecutableMemory? memory = allocate(code);
        return memory is null ? null : new AssembledTiles(memory, offsets);
    }

    public void Dispose() => _memory.Dispose();
}
