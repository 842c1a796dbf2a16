using System.Runtime.InteropServices;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>
/// Memory made of buffers far from each other, so that whatever lies outside of one is nowhere. A buffer's address is a multiple of 4 and of nothing more:
/// instructions that want vectors aligned do not find them so.
/// </summary>
internal sealed class VirtualMemory
{
    private const int WordBytes = 4;

    private readonly List<Buffer> _buffers = [];

    /// <summary>Adds a buffer.</summary>
    /// <param name="words">Its content, which stores change.</param>
    /// <param name="writable">Whether they may.</param>
    /// <returns>Its address.</returns>
    public ulong Add(float[] words, bool writable = false)
    {
        ulong address = ((ulong)(_buffers.Count + 1) << 40) + WordBytes;
        _buffers.Add(new Buffer(address, words, writable));
        return address;
    }

    /// <summary>How often each word of a buffer was loaded.</summary>
    public int[] Loads(ulong buffer) => _buffers.Single(b => b.Address == buffer).Loads;

    /// <exception cref="MachineFault">They are not all in one buffer.</exception>
    public ReadOnlySpan<uint> Load(ulong address, int words)
    {
        Buffer buffer = Find(address, words, out int start);
        foreach (ref int count in buffer.Loads.AsSpan(start, words))
            count++;
        return buffer.Words(start, words);
    }

    /// <exception cref="MachineFault">They are not all in one buffer that may be changed.</exception>
    public void Store(ulong address, ReadOnlySpan<uint> words)
    {
        Buffer buffer = Find(address, words.Length, out int start);
        if (!buffer.Writable)
            throw new MachineFault($"a store at word {start} of a buffer that is only read");
        words.CopyTo(buffer.Words(start, words.Length));
    }

    private Buffer Find(ulong address, int words, out int start)
    {
        Buffer? buffer = _buffers.Find(b => address >= b.Address && address + ((ulong)words * WordBytes) <= b.Address + ((ulong)b.Content.Length * WordBytes));
        if (buffer is null || address % WordBytes != 0)
            throw new MachineFault(Nowhere(address, words));
        start = (int)((address - buffer.Address) / WordBytes);
        return buffer;
    }

    private string Nowhere(ulong address, int words)
    {
        Buffer? near = _buffers.Find(b => b.Address >> 40 == (address + (1ul << 39)) >> 40);
        string place = near is null ? $"address {address:x}" : $"byte {(long)(address - near.Address)} of a buffer of {near.Content.Length * WordBytes}";
        return $"{words * WordBytes} bytes at {place} are not there";
    }

    private sealed record Buffer(ulong Address, float[] Content, bool Writable)
    {
        public int[] Loads { get; } = new int[Content.Length];

        public Span<uint> Words(int start, int count) => MemoryMarshal.Cast<float, uint>(Content.AsSpan(start, count));
    }
}
