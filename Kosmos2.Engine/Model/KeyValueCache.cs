using System.Runtime.InteropServices;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// One sequence's keys and values: a table of reference-counted blocks. A fork shares all blocks and copies only the last one, when either
/// side writes. Made by <see cref="Kosmos2Model.CreateCache"/>; disposing gives the blocks back.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    // Room for answers of any usual length, so that a token allocates nothing.
    private const int UsualLength = 4096;

    private readonly BlockPool _pool;
    private readonly List<int> _blocks = new(BlocksFor(UsualLength));
    private readonly List<int> _tokenIds = new(UsualLength);

    // For each cached token, how many tokens up to it count for positions (pads do not): what Truncate must return to.
    private readonly List<int> _positionCounts = new(UsualLength);

    internal KeyValueCache(BlockPool pool) => _pool = pool;

    /// <summary>Cached tokens.</summary>
    public int Length => _tokenIds.Count;

    /// <summary>
    /// [<see cref="Length"/>] ids of the cached tokens, as they were given (an image row's is its placeholder's). Valid until the cache changes.
    /// </summary>
    public ReadOnlySpan<int> TokenIds => CollectionsMarshal.AsSpan(_tokenIds);

    /// <summary>Cached tokens that count for positions: all but pads.</summary>
    internal int PositionCount => Length == 0 ? 0 : _positionCounts[^1];

    /// <summary>The blocks, in the order of the tokens.</summary>
    internal List<int> Blocks => _blocks;

    /// <summary>A second sequence with the same past.</summary>
    public KeyValueCache Fork()
    {
        var fork = new KeyValueCache(_pool);
        foreach (int block in _blocks)
        {
            _pool.Share(block);
            fork._blocks.Add(block);
        }
        fork._tokenIds.AddRange(_tokenIds);
        fork._positionCounts.AddRange(_positionCounts);
        return fork;
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative or more than <see cref="Length"/>.</exception>
    public void Truncate(int length)
    {
        if (length < 0 || length > Length)
            throw new ArgumentOutOfRangeException(nameof(length), length, $"the cache holds {Length} tokens");
        _tokenIds.RemoveRange(length, Length - length);
        _positionCounts.RemoveRange(length, _positionCounts.Count - length);
        int needed = BlocksFor(length);
        for (int i = needed; i < _blocks.Count; i++)
            _pool.Release(_blocks[i]);
        _blocks.RemoveRange(needed, _blocks.Count - needed);
    }

    /// <summary>Keys of one layer in token order, [heads, Length, headSize], copied to the host: the numbers that attention reads, whatever their format.</summary>
    public float[] CopyKeys(int layer) => CopyOut(_pool.Blocks.Keys(layer), _pool.Blocks.ReadKey);

    /// <summary>Values of one layer, as <see cref="CopyKeys"/>.</summary>
    public float[] CopyValues(int layer) => CopyOut(_pool.Blocks.Values(layer), _pool.Blocks.ReadValue);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (int block in _blocks)
            _pool.Release(block);
        _blocks.Clear();
        _tokenIds.Clear();
        _positionCounts.Clear();
    }

    /// <summary>Makes room to write <paramref name="tokens"/> more tokens: blocks that only this sequence holds.</summary>
    internal void Reserve(int tokens)
    {
        if (tokens > 0 && Length % KeyValueBlocks.BlockSize != 0)
            _blocks[^1] = _pool.MakePrivate(_blocks[^1]);
        while (_blocks.Count < BlocksFor(Length + tokens))
            _blocks.Add(_pool.Take());
    }

    /// <summary>Accounts for the next token, after <see cref="Reserve"/>.</summary>
    /// <param name="tokenId">The token.</param>
    /// <param name="countsForPositions">False for a pad.</param>
    /// <returns>Its slot.</returns>
    internal int Append(int tokenId, bool countsForPositions)
    {
        int index = Length;
        _positionCounts.Add(PositionCount + (countsForPositions ? 1 : 0));
        _tokenIds.Add(tokenId);
        return (_blocks[index / KeyValueBlocks.BlockSize] * KeyValueBlocks.BlockSize) + (index % KeyValueBlocks.BlockSize);
    }

    private static int BlocksFor(int tokens) => (tokens + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize;

    private float[] CopyOut(Tensor layer, Action<ReadOnlySpan<byte>, int, int, int, Span<float>> read)
    {
        KeyValueBlocks blocks = _pool.Blocks;
        var bytes = new byte[layer.ByteLength];
        _pool.Backend.Download<byte>(layer, bytes);
        var result = new float[checked(blocks.Heads * Length * blocks.HeadSize)];
        for (int h = 0; h < blocks.Heads; h++)
        {
            for (int t = 0; t < Length; t++)
            {
                Span<float> row = result.AsSpan(((h * Length) + t) * blocks.HeadSize, blocks.HeadSize);
                read(bytes, _blocks[t / KeyValueBlocks.BlockSize], h, t % KeyValueBlocks.BlockSize, row);
            }
        }
        return result;
    }
}
