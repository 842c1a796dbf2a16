using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>A block that runs: where in the grid it is, its warps and their shared memory.</summary>
internal sealed class PtxBlock(PtxProgram program, LaunchGrid place, int number, int sharedBytes)
{
    public LaunchGrid Place => place;

    public PtxSharedMemory Shared { get; } = new(sharedBytes);

    public PtxWarp[] Warps => field ??= [.. Enumerable.Range(0, program.Threads / PtxWarp.Lanes).Select(index => new PtxWarp(program, number, index, Shared))];

    /// <summary>Lets the warps pass the block's barrier, at which all of them must be.</summary>
    public void Pass()
    {
        if (Warps.Any(warp => warp.Ended) && Warps.Any(warp => warp.AtBarrier || warp.AtClusterBarrier))
            throw new PtxFault("some warps wait at a barrier, others have ended");
        if (Warps.Any(warp => warp.AtBarrier) && Warps.Any(warp => warp.AtClusterBarrier))
            throw new PtxFault("some warps wait for their block, others for the cluster");
        foreach (PtxWarp warp in Warps.Where(warp => warp.AtBarrier))
            (warp.AtBarrier, warp.BlockBarriers) = (false, warp.BlockBarriers + 1);
        Shared.HasEnded = Warps.All(warp => warp.Ended);
    }
}

/// <summary>Blocks that run beside each other and read each other's shared memory, whose addresses in the cluster name the block above 24 bits.</summary>
internal sealed class PtxCluster(PtxProgram program, LaunchGrid first, int sharedBytes)
{
    private const int BlockShift = 24;

    public IReadOnlyList<PtxBlock> Blocks { get; } =
        [.. Enumerable.Range(0, program.Cluster).Select(number => new PtxBlock(program, first with { Y = first.Y + number }, number, sharedBytes))];

    public bool HasEnded => Blocks.All(block => block.Warps.All(warp => warp.Ended));

    /// <summary>What an address in the block's own memory is in that of another.</summary>
    public static uint Address(uint address, int block) => address | ((uint)(block + 1) << BlockShift);

    public ReadOnlySpan<byte> Load(uint address, int count, PtxMoment now, string by)
    {
        int block = (int)(address >> BlockShift) - 1;
        return block >= 0 && block < Blocks.Count
            ? Blocks[block].Shared.Load(address & ((1u << BlockShift) - 1), count, now, by)
            : throw new PtxFault($"shared address {address:x} is in no block of the cluster: {by}");
    }

    /// <summary>Lets everybody pass the cluster's barrier once all are there.</summary>
    public void Pass()
    {
        PtxWarp[] warps = [.. Blocks.SelectMany(block => block.Warps)];
        if (!warps.Any(warp => warp.AtClusterBarrier) || warps.Any(warp => !warp.Ended && !warp.AtClusterBarrier))
            return;
        if (warps.Any(warp => warp.Ended))
            throw new PtxFault("some blocks wait for the cluster, others have ended");
        foreach (PtxWarp warp in warps)
            (warp.AtClusterBarrier, warp.HasArrived, warp.ClusterBarriers) = (false, false, warp.ClusterBarriers + 1);
    }
}
