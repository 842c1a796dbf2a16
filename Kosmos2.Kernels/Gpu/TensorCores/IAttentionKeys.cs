namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>The keys and values that a block attends to, wherever they lie.</summary>
internal interface IAttentionKeys
{
    /// <summary>How many keys the block goes through.</summary>
    string End { get; }

    /// <summary>How many of them this warp does; none if it has no query.</summary>
    string WarpEnd { get; }

    /// <summary>Asks for the thread's share of the tile of keys that begins with one.</summary>
    void Fetch(string start);

    /// <summary>Puts it, rounded to 16 bits, into shared memory.</summary>
    void Store(string stage);

    /// <summary>Changes the scores of keys that a query does not attend to.</summary>
    /// <param name="scores">Pieces of eight keys, each 16 x 8 as <c>mma</c> has it.</param>
    /// <param name="start">The tile's first key.</param>
    /// <param name="stage">Where the tile lies in shared memory.</param>
    void Mask(string[][] scores, string start, string stage);
}
