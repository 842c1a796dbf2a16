using System.Numerics;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Who a thread is, in registers.</summary>
internal sealed class AttentionThread
{
    /// <summary>Finds out.</summary>
    public AttentionThread(PtxText text)
    {
        Shared = text.B32("mov.u32", PtxText.Shared);
        Index = text.B32("mov.u32", "%tid.x");
        Lane = text.B32("and.b32", Index, 31);
        string warp = text.B32("shr.u32", Index, 5);
        const int Warps = AttentionTile.Queries / AttentionTile.WarpQueries;
        QueryWarp = text.B32("and.b32", warp, Warps - 1);
        FirstKey = text.B32("mul.lo.u32", text.B32("shr.u32", warp, BitOperations.Log2(Warps)), AttentionTile.WarpKeys);
        HasSecondHalf = text.Predicate("setp.ne.s32", FirstKey, 0);
        Pair = text.B32("mul.lo.u32", text.B32("and.b32", Lane, 3), 2);
        FirstQuery = text.B32("mad.lo.u32", text.B32("mov.u32", "%ctaid.x"), AttentionTile.Queries, text.B32("mul.lo.u32", QueryWarp, AttentionTile.WarpQueries));
        FirstRow = text.B32("add.s32", FirstQuery, text.B32("shr.u32", Lane, 2));
        Head = text.B32("mov.u32", "%ctaid.y");
    }

    /// <summary>Where shared memory begins.</summary>
    public string Shared { get; }

    /// <summary>In its block.</summary>
    public string Index { get; }

    /// <summary>In its warp.</summary>
    public string Lane { get; }

    /// <summary>Which of the block's pieces of 16 queries the warp has.</summary>
    public string QueryWarp { get; }

    /// <summary>The warp's first query.</summary>
    public string FirstQuery { get; }

    /// <summary>The first of two queries that the lane has rows of matrices of; the other one is 8 further.</summary>
    public string FirstRow { get; }

    /// <summary>The warp's first key of a tile.</summary>
    public string FirstKey { get; }

    /// <summary>Whether that is not the tile's.</summary>
    public string HasSecondHalf { get; }

    /// <summary>The first of two neighbouring columns of eight that the lane has of a matrix in registers.</summary>
    public string Pair { get; }

    /// <summary>The block's head.</summary>
    public string Head { get; }
}
