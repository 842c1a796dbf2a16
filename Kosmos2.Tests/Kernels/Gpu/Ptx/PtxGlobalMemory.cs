using System.Runtime.InteropServices;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>Global memory: buffers far from each other, so that whatever lies outside of one is nowhere.</summary>
internal sealed class PtxGlobalMemory
{
    private readonly List<Buffer> _buffers = [];

    /// <summary>Adds a buffer.</summary>
    /// <param name="content">Its bytes, which stores change.</param>
    /// <param name="offset">Where its first byte lies from an address that is a multiple of 256.</param>
    /// <returns>Its address.</returns>
    public ulong Add<T>(T[] content, int offset = 0)
        where T : unmanaged
    {
        ulong address = ((ulong)(_buffers.Count + 1) << 40) + (ulong)offset;
        _buffers.Add(new Buffer(address, MemoryMarshal.AsBytes<T>(content).ToArray()));
        return address;
    }

    /// <summary>A buffer's content.</summary>
    public T[] Read<T>(ulong address)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(_buffers.Single(b => b.Address == address).Bytes).ToArray();

    public ReadOnlySpan<byte> Load(ulong address, int size, string by) => Find(address, size, by, out int offset).Bytes.AsSpan(offset, size);

    /// <summary>Stores; no byte may be stored twice, since each output has one owner.</summary>
    public void Store(ulong address, ReadOnlySpan<byte> bytes, string by)
    {
        Buffer buffer = Find(address, bytes.Length, by, out int offset);
        if (buffer.Stored.AsSpan(offset, bytes.Length).Contains(true))
            throw new PtxFault($"stored twice at byte {offset}: {by}");
        buffer.Stored.AsSpan(offset, bytes.Length).Fill(true);
        bytes.CopyTo(buffer.Bytes.AsSpan(offset));
    }

    private Buffer Find(ulong address, int size, string by, out int offset)
    {
        if (size > 0 && address % (ulong)size != 0)
            throw new PtxFault($"global address {address:x} is not a multiple of {size}: {by}");
        Buffer? buffer = _buffers.Find(b => address >= b.Address && address + (ulong)size <= b.Address + (ulong)b.Bytes.Length);
        offset = buffer is null ? 0 : (int)(address - buffer.Address);
        return buffer ?? throw new PtxFault($"{size} bytes at global address {address:x} are in no buffer: {by}");
    }

    private sealed record Buffer(ulong Address, byte[] Bytes)
    {
        public bool[] Stored { get; } = new bool[Bytes.Length];
    }
}
