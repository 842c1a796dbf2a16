using System.Globalization;
using System.Text.RegularExpressions;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>
/// Runs a kernel's PTX text, the very text that a device would get: clusters one after another, the warps of their blocks in turn from barrier to barrier, 32
/// lanes in step. What a device leaves undefined is a <see cref="PtxFault"/>; a branch on which the lanes of a warp disagree is one too, since no kernel of ours
/// has any.
/// </summary>
internal sealed partial class PtxMachine(PtxProgram program, PtxGlobalMemory global, int sharedBytes)
{
    private const int MostInstructions = 50_000_000;

    private static readonly int[] AllLanes = [.. Enumerable.Range(0, PtxWarp.Lanes)];

    private int _executed;

    [GeneratedRegex(@"^(ld\.shared(::cluster)?|st\.shared|ld\.global|ld\.global\.nc|st\.global)(\.v[24])?\.[fb]32$|^ld\.global\.nc\.s8$|^cp\.async\.cg\.shared\.global$")]
    private static partial Regex AccessPattern();

    /// <summary>Bank conflicts of all blocks, by kind of access.</summary>
    public Dictionary<string, int> Conflicts { get; } = [];

    /// <summary>Reads of shared memory, of all blocks, that take twice as long as they could.</summary>
    public int UnpairedReads { get; private set; }

    /// <summary>Runs the kernel with so many blocks.</summary>
    public void Launch(LaunchGrid blocks, params ulong[] arguments)
    {
        if (arguments.Length != program.Parameters.Count)
            throw new PtxFault($"{program.Name} takes {program.Parameters.Count} arguments, not {arguments.Length}");
        if (blocks.Y % program.Cluster != 0)
            throw new PtxFault($"{program.Name} takes clusters of {program.Cluster} blocks, not {blocks.Y}");
        for (int z = 0; z < blocks.Z; z++)
        {
            for (int y = 0; y < blocks.Y; y += program.Cluster)
            {
                for (int x = 0; x < blocks.X; x++)
                    Cluster(new LaunchGrid(x, y, z), arguments);
            }
        }
    }

    private void Cluster(LaunchGrid first, ulong[] arguments)
    {
        var cluster = new PtxCluster(program, first, sharedBytes);
        while (!cluster.HasEnded)
        {
            foreach (PtxBlock block in cluster.Blocks)
            {
                foreach (PtxWarp warp in block.Warps)
                {
                    while (!warp.Ended && !warp.AtBarrier && !warp.AtClusterBarrier)
                        Step(warp, block, arguments, cluster);
                }
                block.Pass();
            }
            cluster.Pass();
        }
        UnpairedReads += cluster.Blocks.Sum(block => block.Shared.UnpairedReads);
        foreach ((string kind, int count) in cluster.Blocks.SelectMany(block => block.Shared.Conflicts))
            Conflicts[kind] = Conflicts.GetValueOrDefault(kind) + count;
    }

    private void Step(PtxWarp warp, PtxBlock block, ulong[] arguments, PtxCluster cluster)
    {
        PtxSharedMemory shared = block.Shared;
        if (++_executed > MostInstructions)
            throw new PtxFault($"{program.Name} does not end");
        PtxInstruction instruction = program.Instructions[warp.Position++];
        int[] active = instruction.Guard < 0 && warp.Living == PtxWarp.Lanes ? AllLanes : [.. AllLanes.Where(lane => IsActive(warp, instruction, lane))];
        if (instruction.Operation is { } operation)
        {
            foreach (int lane in active)
                Compute(warp, instruction, operation, lane, block);
        }
        else if (instruction.Name == "ret")
        {
            warp.End(active);
        }
        else if (IsCollective(instruction.Name))
        {
            if (active.Length > 0 && active.Length != (instruction.Name == "bra" ? warp.Living : PtxWarp.Lanes))
                throw new PtxFault($"lanes of a warp disagree: {instruction.Text}");
            if (active.Length > 0)
                Together(warp, instruction, shared);
        }
        else if (instruction.Name.StartsWith("ld.param.", StringComparison.Ordinal))
        {
            int parameter = program.Parameters.ToList().FindIndex(p => p.Name == instruction.Operands[1].Text);
            foreach (int lane in active)
                warp.Write(instruction.Operands[0], lane, arguments[parameter]);
        }
        else
        {
            Access(warp, instruction, active, shared, cluster);
        }
    }

    private static bool IsActive(PtxWarp warp, PtxInstruction instruction, int lane) =>
        warp.Lives(lane) && (instruction.Guard < 0 || warp.IsTrue(instruction.Guard, lane, instruction.Text) != instruction.Negated);

    private static bool IsCollective(string name) =>
        name is "bra" or "bar.sync" or "barrier.cluster.arrive.aligned" or "barrier.cluster.wait.aligned" or "bar.warp.sync" or "cp.async.commit_group" or "cp.async.wait_group" || name.StartsWith("mma.", StringComparison.Ordinal)
        || name.StartsWith("ldmatrix.", StringComparison.Ordinal) || name.StartsWith("shfl.", StringComparison.Ordinal);

    private static void Together(PtxWarp warp, PtxInstruction instruction, PtxSharedMemory shared)
    {
        switch (instruction.Name)
        {
            case "bra":
                warp.Position = instruction.Target;
                break;
            case "bar.sync":
                warp.AtBarrier = true;
                break;
            case "barrier.cluster.arrive.aligned":
                warp.HasArrived = true;
                break;
            case "barrier.cluster.wait.aligned":
                warp.AtClusterBarrier = warp.HasArrived ? true : throw new PtxFault($"a wait without having arrived: {instruction.Text}");
                break;
            case "bar.warp.sync":
                warp.WarpBarriers++;
                break;
            case "cp.async.commit_group":
                warp.Commit();
                break;
            case "cp.async.wait_group":
                warp.WaitForCopies((int)instruction.Operands[0].Number);
                break;
            case "ldmatrix.sync.aligned.m8n8.x4.shared.b16" or "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16":
                PtxMatrices.Load(warp, instruction, shared);
                break;
            case "shfl.sync.bfly.b32":
                warp.Exchange(instruction);
                break;
            case "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32" or "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32" or "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32":
                PtxMatrices.Multiply(warp, instruction);
                break;
            default:
                throw new PtxFault($"unknown instruction: {instruction.Text}");
        }
    }

    private void Access(PtxWarp warp, PtxInstruction instruction, int[] active, PtxSharedMemory shared, PtxCluster cluster)
    {
        (string name, string by) = (instruction.Name, instruction.Text);
        if (!AccessPattern().IsMatch(name))
            throw new PtxFault($"unknown instruction: {by}");
        bool store = name.StartsWith("st.", StringComparison.Ordinal), copy = name.StartsWith("cp.", StringComparison.Ordinal);
        (PtxOperand address, PtxOperand value) = store || copy
            ? (instruction.Operands[0], instruction.Operands[1])
            : (instruction.Operands[1], instruction.Operands[0]);
        int size = copy ? 16 : 4 * Math.Max(1, value.Group.Length);
        if (value.Group.Length > 1 && !name.Contains(string.Create(CultureInfo.InvariantCulture, $".v{value.Group.Length}."), StringComparison.Ordinal))
            throw new PtxFault($"number of registers: {by}");
        var places = new List<uint>();
        foreach (int lane in active)
        {
            ulong place = warp.Address(address, lane, by);
            if (copy)
            {
                int given = (int)warp.Read(instruction.Operands[3], lane, by);
                ulong source = warp.Address(value, lane, by);
                if (source % 16 != 0)
                    throw new PtxFault($"global address {source:x} is not a multiple of 16: {by}");
                warp.BeginCopy(lane, (uint)place, given == 0 ? [] : global.Load(source, given, by), by);
            }
            else if (name.Contains(".global.", StringComparison.Ordinal))
            {
                if (name.EndsWith(".s8", StringComparison.Ordinal))
                    warp.Write(value, lane, (uint)(sbyte)global.Load(place, 1, by)[0]);
                else if (store)
                    global.Store(place, warp.ReadWords(value, lane, by), by);
                else
                    warp.WriteWords(value, lane, global.Load(place, size, by));
            }
            else if (name.StartsWith("ld.shared::cluster.", StringComparison.Ordinal))
            {
                warp.WriteWords(value, lane, warp.HasArrived
                    ? throw new PtxFault($"another block's memory is read after having arrived at the barrier that lets it end: {by}")
                    : cluster.Load((uint)place, size, warp.Moment(lane), by));
            }
            else if (store)
            {
                shared.Store((uint)place, warp.ReadWords(value, lane, by), warp.Moment(lane), by);
            }
            else
            {
                warp.WriteWords(value, lane, shared.Load((uint)place, size, warp.Moment(lane), by));
            }
            places.Add((uint)place);
        }
        if (!name.Contains(".global.", StringComparison.Ordinal))
            shared.CountConflicts(copy ? "cp.async" : name, places, size);
    }

    // A move to two registers takes 32 bits apart.
    private static void Compute(PtxWarp warp, PtxInstruction instruction, Func<ulong, ulong, ulong, ulong> operation, int lane, PtxBlock block)
    {
        PtxOperand[] operands = instruction.Operands;
        ulong Value(int operand) => operands.Length <= operand ? 0 : operands[operand].Text switch
        {
            "%ctaid.x" => (ulong)block.Place.X,
            "%ctaid.y" => (ulong)block.Place.Y,
            "%ctaid.z" => (ulong)block.Place.Z,
            _ => warp.Read(operands[operand], lane, instruction.Text),
        };
        ulong value = operation(Value(1), Value(2), Value(3));
        if (operands[0].Group.Length == 0)
            warp.Write(operands[0], lane, value);
        for (int i = 0; i < operands[0].Group.Length; i++)
            warp.Write(operands[0].Group[i], lane, (value >> (16 * i)) & 0xffff);
    }
}
