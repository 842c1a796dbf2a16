using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// Hands out blocks of the key/value cache and counts who holds them: a block shared by several sequences is only read; whoever writes
/// takes a copy first.
/// </summary>
internal sealed class BlockPool(KeyValueBlocks blocks, IBackend backend, int maxBlocks) : IDisposable
{
    private readonly Stack<int> _free = new(256);
    private int[] _holders = new int[blocks.Capacity];
    private int _used;

    /// <summary>The device.</summary>
    public IBackend Backend => backend;

    /// <summary>The memory.</summary>
    public KeyValueBlocks Blocks => blocks;

    /// <summary>Blocks held by at least one sequence.</summary>
    public int InUse => _used - _free.Count;

    /// <summary>
    /// Asked when the budget is used up: lets go of a sequence that is only kept in case it is needed again, and says whether there was one.
    /// </summary>
    public Func<bool>? Reclaim { get; set; }

    /// <summary>Takes a free block, with one holder.</summary>
    /// <exception cref="KeyValueCacheFullException">The budget is used up.</exception>
    public int Take()
    {
        if (!_free.TryPop(out int block))
        {
            if (_used == maxBlocks)
                return TakeReclaimed();
            blocks.EnsureCapacity(_used + 1, maxBlocks);
            if (_holders.Length < blocks.Capacity)
                Array.Resize(ref _holders, blocks.Capacity);
            block = _used++;
        }
        _holders[block] = 1;
        return block;
    }

    /// <summary>Adds a holder.</summary>
    public void Share(int block) => _holders[block]++;

    /// <summary>Removes a holder; a block without one is free.</summary>
    public void Release(int block)
    {
        if (--_holders[block] == 0)
            _free.Push(block);
    }

    /// <summary>A block with this content that only the caller holds: the same one, or a copy that replaces the caller's hold on it.</summary>
    public int MakePrivate(int block)
    {
        // What is let go of may have been the other holder.
        while (_holders[block] > 1 && _free.Count == 0 && _used == maxBlocks && Reclaim?.Invoke() == true)
        {
        }
        if (_holders[block] == 1)
            return block;
        int copy = Take();
        backend.CopyBlocks(blocks, [(block, copy)]);
        Release(block);
        return copy;
    }

    /// <inheritdoc/>
    public void Dispose() => blocks.Dispose();

    private int TakeReclaimed()
    {
        // What is let go of may be shared with running sequences, and then frees nothing.
        while (_free.Count == 0)
        {
            if (Reclaim?.Invoke() != true)
                throw new KeyValueCacheFullException(maxBlocks * KeyValueBlocks.BlockSize);
        }
        return Take();
    }
}

/// <summary>The key/value cache has reached the budget it was given.</summary>
public sealed class KeyValueCacheFullException : InvalidOperationException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="tokens">The budget in tokens.</param>
    public KeyValueCacheFullException(int tokens)
        : base($"the key/value cache is full: its budget is {tokens} tokens; dispose finished caches or raise MaxCachedTokens") => Tokens = tokens;

    /// <summary>The budget in tokens.</summary>
    public int Tokens { get; }
}
