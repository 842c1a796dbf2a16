namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>A moment of a thread: barriers of its cluster, its block and its warp that it has passed. Threads are counted through the cluster.</summary>
internal readonly record struct PtxMoment(int Block, int Thread, int ClusterBarriers, int BlockBarriers, int WarpBarriers)
{
    public int Warp => Thread / 32;

    /// <summary>Whether a barrier lies between then, by its thread, and now, by this one.</summary>
    public bool Follows(PtxMoment then) => then.Thread == Thread || then.ClusterBarriers < ClusterBarriers
        || (then.Block == Block && then.BlockBarriers < BlockBarriers) || (then.Warp == Warp && then.WarpBarriers < WarpBarriers);
}

/// <summary>
/// A block's shared memory, which finds what a device would not tell: reads of what was never written, of what is still being copied, of what another
/// thread has written without a barrier since, and writes to what others may still be reading. It counts the bank conflicts.
/// </summary>
internal sealed class PtxSharedMemory(int size)
{
    private const int Word = 4;

    private readonly byte[] _bytes = new byte[size];
    private readonly WordState[] _words = new WordState[size / Word];

    /// <summary>Whether its block has ended, after which other blocks must not look for it.</summary>
    public bool HasEnded { get; set; }

    /// <summary>Extra turns that accesses of each kind took since lanes met in a bank.</summary>
    public Dictionary<string, int> Conflicts { get; } = [];

    /// <summary>Reads of 16 bytes that take twice as many turns as those whose lanes share addresses in pairs.</summary>
    public int UnpairedReads { get; private set; }

    public ReadOnlySpan<byte> Load(uint address, int count, PtxMoment now, string by)
    {
        if (HasEnded)
            throw new PtxFault($"the block whose shared memory is read has ended: {by}");
        Check(address, count, by);
        for (uint word = address / Word; word < (address + count) / Word; word++)
        {
            ref WordState state = ref _words[word];
            if (state.OnItsWay)
                throw Fault("is still being copied", word, by);
            if (state.Writer is not { } writer)
                throw Fault("was never written", word, by);
            if (!now.Follows(writer))
                throw Fault($"was written by thread {writer.Thread} without a barrier since", word, by);
            state.AddReader(now);
        }
        return _bytes.AsSpan((int)address, count);
    }

    public void Store(uint address, ReadOnlySpan<byte> bytes, PtxMoment now, string by)
    {
        Claim(address, bytes.Length, now, by);
        Arrive(address, bytes, now);
    }

    /// <summary>A copy begins: from here on nobody may touch the place.</summary>
    public void BeginCopy(uint address, int count, PtxMoment now, string by)
    {
        Claim(address, count, now, by);
        for (uint word = address / Word; word < (address + count) / Word; word++)
            _words[word].OnItsWay = true;
    }

    /// <summary>What was copied is there, for the thread that waited; for others behind the next barrier.</summary>
    public void Arrive(uint address, ReadOnlySpan<byte> bytes, PtxMoment now)
    {
        bytes.CopyTo(_bytes.AsSpan((int)address));
        for (uint word = address / Word; word < (address + bytes.Length) / Word; word++)
            _words[word] = new WordState { Writer = now };
    }

    /// <summary>
    /// Counts the conflicts of a warp's access: lanes of 16 bytes go eight at a time, of 8 bytes sixteen, of 4 bytes all together. Reads of 16 bytes go sixteen at
    /// a time where all lanes share an address with the one whose number differs in bit 0, or all with the one that differs in bit 1; those that do not are counted.
    /// </summary>
    public void CountConflicts(string kind, IReadOnlyList<uint> addresses, int count)
    {
        int banks = 32 * Word / count, together = banks, extra = 0;
        if (kind.StartsWith("ld.", StringComparison.Ordinal) && count == 16)
        {
            bool paired = addresses.Count == PtxWarp.Lanes && (ArePaired(addresses, 1) || ArePaired(addresses, 2));
            UnpairedReads += paired ? 0 : 1;
            together = paired ? 2 * banks : banks;
        }
        for (int first = 0; first < addresses.Count; first += together)
        {
            IEnumerable<uint> places = addresses.Skip(first).Take(together).Distinct();
            int turns = places.GroupBy(address => address / (uint)count % (uint)banks).Select(bank => bank.Count()).DefaultIfEmpty(1).Max();
            extra += turns - 1;
        }
        Conflicts[kind] = Conflicts.GetValueOrDefault(kind) + extra;
    }

    private static bool ArePaired(IReadOnlyList<uint> addresses, int bit) => Enumerable.Range(0, addresses.Count).All(lane => addresses[lane] == addresses[lane ^ bit]);

    private void Claim(uint address, int count, PtxMoment now, string by)
    {
        Check(address, count, by);
        for (uint word = address / Word; word < (address + count) / Word; word++)
        {
            ref WordState state = ref _words[word];
            if (state.OnItsWay)
                throw Fault("is still being copied", word, by);
            if (state.Writer is { } writer && !now.Follows(writer))
                throw Fault($"was written by thread {writer.Thread} without a barrier since", word, by);
            if (state.Reader is { } reader && !now.Follows(reader))
                throw Fault($"may still be read by thread {reader.Thread}", word, by);
            if (state.OtherReader is { } other && !now.Follows(other))
                throw Fault($"may still be read by thread {other.Thread}", word, by);
        }
    }

    private void Check(uint address, int count, string by)
    {
        if (address % count != 0)
            throw new PtxFault($"shared address {address} is not a multiple of {count}: {by}");
        if (address + count > _bytes.Length)
            throw new PtxFault($"shared address {address} is beyond {_bytes.Length} bytes: {by}");
    }

    private static PtxFault Fault(string what, uint word, string by) => new($"the word at shared address {word * Word} {what}: {by}");

    private struct WordState
    {
        public PtxMoment? Writer;
        public bool OnItsWay;

        /// <summary>The last reader, and the last before it of another warp: of two warps' readers, one is not the next writer's.</summary>
        public PtxMoment? Reader;
        public PtxMoment? OtherReader;

        public void AddReader(PtxMoment now)
        {
            if (Reader is { } last && last.Warp != now.Warp)
                OtherReader = last;
            Reader = now;
        }
    }
}
