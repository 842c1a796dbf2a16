using System.Buffers.Binary;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>Thirty-two threads in step: their registers, where they are, and the copies that each has begun.</summary>
/// <param name="program">What they run.</param>
/// <param name="block">Their block's number in its cluster.</param>
/// <param name="index">The warp's number in its block.</param>
/// <param name="shared">The block's.</param>
internal sealed class PtxWarp(PtxProgram program, int block, int index, PtxSharedMemory shared)
{
    public const int Lanes = 32;

    private readonly ulong[] _values = new ulong[program.RegisterCount * Lanes];
    private readonly bool[] _defined = new bool[program.RegisterCount * Lanes];
    private readonly bool[] _returned = new bool[Lanes];
    private readonly List<Copy> _begun = [];
    private readonly Queue<Copy[]> _committed = new();

    public int Position { get; set; }

    /// <summary>Lanes that have not returned.</summary>
    public int Living { get; private set; } = Lanes;

    public bool Ended => Living == 0;

    public bool AtBarrier { get; set; }

    public bool AtClusterBarrier { get; set; }

    /// <summary>Whether it has arrived at a cluster's barrier and not yet waited.</summary>
    public bool HasArrived { get; set; }

    public int ClusterBarriers { get; set; }

    public int BlockBarriers { get; set; }

    public int WarpBarriers { get; set; }

    public PtxMoment Moment(int lane) => new(block, (block * program.Threads) + (index * Lanes) + lane, ClusterBarriers, BlockBarriers, WarpBarriers);

    public ulong Read(PtxOperand operand, int lane, string by)
    {
        if (!operand.IsRegister)
            return operand.Text switch { "%tid.x" => (ulong)((index * Lanes) + lane), _ => operand.Number };
        int place = (operand.Register * Lanes) + lane;
        return _defined[place] ? _values[place] : throw new PtxFault($"{operand.Text} has no value: {by}");
    }

    public bool IsTrue(int predicate, int lane, string by) => Read(new PtxOperand("the predicate", predicate, 0, []), lane, by) != 0;

    public void Write(PtxOperand operand, int lane, ulong value)
    {
        int place = (operand.Register * Lanes) + lane;
        (_values[place], _defined[place]) = (value, true);
    }

    /// <summary>The address that an operand stands for: its register's value and its offset.</summary>
    public ulong Address(PtxOperand operand, int lane, string by) => Read(operand with { Number = 0 }, lane, by) + operand.Number;

    /// <summary>shfl.bfly: each lane gets what the lane has whose number differs in the given bits.</summary>
    public void Exchange(PtxInstruction instruction)
    {
        int bits = (int)instruction.Operands[2].Number;
        ulong[] given = [.. Enumerable.Range(0, Lanes).Select(lane => Read(instruction.Operands[1], lane, instruction.Text))];
        for (int lane = 0; lane < Lanes; lane++)
            Write(instruction.Operands[0], lane, given[lane ^ bits]);
    }

    /// <summary>Begins a copy of 16 bytes; what the source does not give becomes zeros.</summary>
    public void BeginCopy(int lane, uint destination, ReadOnlySpan<byte> source, string by)
    {
        var bytes = new byte[16];
        source.CopyTo(bytes);
        shared.BeginCopy(destination, bytes.Length, Moment(lane), by);
        _begun.Add(new Copy(lane, destination, bytes));
    }

    public void Commit()
    {
        _committed.Enqueue([.. _begun]);
        _begun.Clear();
    }

    /// <summary>Waits until at most so many groups are left.</summary>
    public void WaitForCopies(int left)
    {
        while (_committed.Count > left)
        {
            foreach (Copy copy in _committed.Dequeue())
                shared.Arrive(copy.Destination, copy.Bytes, Moment(copy.Lane));
        }
    }

    public bool Lives(int lane) => !_returned[lane];

    /// <summary>Ends some lanes; nothing may be on its way.</summary>
    public void End(int[] lanes)
    {
        if (_begun.Count > 0 || _committed.Count > 0)
            throw new PtxFault("a thread returns with copies on their way");
        foreach (int lane in lanes)
            _returned[lane] = true;
        Living -= lanes.Length;
    }

    /// <summary>Loads the words that a vector of registers takes.</summary>
    public void WriteWords(PtxOperand operand, int lane, ReadOnlySpan<byte> bytes)
    {
        PtxOperand[] registers = operand.Group.Length > 0 ? operand.Group : [operand];
        for (int i = 0; i < registers.Length; i++)
            Write(registers[i], lane, BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 * i)..]));
    }

    public byte[] ReadWords(PtxOperand operand, int lane, string by)
    {
        PtxOperand[] registers = operand.Group.Length > 0 ? operand.Group : [operand];
        var bytes = new byte[4 * registers.Length];
        for (int i = 0; i < registers.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 * i), (uint)Read(registers[i], lane, by));
        return bytes;
    }

    private sealed record Copy(int Lane, uint Destination, byte[] Bytes);
}
