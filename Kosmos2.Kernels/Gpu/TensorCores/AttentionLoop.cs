namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// A block's way through its keys. While a tile of keys and values is computed with, the next is on its way to registers; one barrier a tile. Warps take 32
/// keys, or where the last tile has no more for them, 16 or none. (FlashAttention-2: Dao, 2023.)
/// </summary>
internal static class AttentionLoop
{
    /// <summary>Writes it, and behind it the results.</summary>
    public static void Write(PtxText text, AttentionThread thread, IAttentionKeys keys, AttentionSums sums)
    {
        string loop = text.NewLabel("LOOP"), fetched = text.NewLabel("FETCHED"), few = text.NewLabel("FEW"), added = text.NewLabel("ADDED"), done = text.NewLabel("DONE");
        string start = text.B32("mov.u32", 0), stage = text.B32("mov.u32", thread.Shared);
        // The two places of tiles change with each.
        string both = text.B32("mad.lo.u32", thread.Shared, 2, AttentionTile.StageBytes);
        keys.Fetch(start);
        keys.Store(stage);
        text.Do("bar.sync", 0);
        text.Label(loop);
        string next = text.B32("add.s32", start, AttentionTile.Keys);
        string last = text.Predicate("setp.ge.s32", next, keys.End);
        text.When(last, "bra", fetched);
        keys.Fetch(next);
        text.Label(fetched);
        string left = text.B32("sub.s32", text.B32("sub.s32", keys.WarpEnd, start), thread.FirstKey);
        text.When(text.Predicate("setp.le.s32", left, 0), "bra", added);
        text.When(text.Predicate("setp.le.s32", left, AttentionTile.Piece), "bra", few);
        text.Remark("32 keys");
        sums.Add(2, keys, start, stage);
        text.Do("bra", added);
        text.Label(few);
        text.Remark("up to 16 keys");
        sums.Add(1, keys, start, stage);
        text.Label(added);
        text.When(last, "bra", done);
        text.Do("sub.u32", stage, both, stage);
        keys.Store(stage);
        text.Do("mov.u32", start, next);
        text.Do("bar.sync", 0);
        text.Do("bra", loop);
        text.Label(done);
        text.Do("bar.sync", 0);
        sums.Write();
    }
}
