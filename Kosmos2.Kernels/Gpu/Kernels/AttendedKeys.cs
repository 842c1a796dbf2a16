using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>The keys that one query attends to, and their values, for one head.</summary>
internal interface IAttendedKeys
{
    /// <summary>Index of key j's (and value j's) first element.</summary>
    int Offset(int j);

    /// <summary>Added to key j's score.</summary>
    float Bias(int j);

    /// <summary>What key j's elements are multiplied by.</summary>
    float KeyScale(int j);

    /// <summary>What value j's elements are multiplied by.</summary>
    float ValueScale(int j);

    /// <summary>A key's element, without its scale.</summary>
    float Key(int index);

    /// <summary>A value's element, without its scale.</summary>
    float Value(int index);
}

/// <summary>Keys one after another: [keys, heads * headSize].</summary>
internal readonly struct PackedKeys(ArrayView<float> keys, ArrayView<float> values, int start, int stride) : IAttendedKeys
{
    private readonly ArrayView<float> _keys = keys;
    private readonly ArrayView<float> _values = values;
    private readonly int _start = start;
    private readonly int _stride = stride;

    public int Offset(int j) => _start + (j * _stride);

    public float Bias(int j) => 0;

    public float KeyScale(int j) => 1;

    public float ValueScale(int j) => 1;

    public float Key(int index) => _keys[index];

    public float Value(int index) => _values[index];
}

/// <summary>Keys in the blocks of a cache.</summary>
internal readonly struct CachedKeys<TRows>(CacheViews<TRows> cache, ArrayView<int> blocks, int firstBlock, int head) : IAttendedKeys
    where TRows : struct, ICachedRows
{
    private readonly CacheViews<TRows> _cache = cache;
    private readonly ArrayView<int> _blocks = blocks;
    private readonly int _firstBlock = firstBlock;
    private readonly int _head = head;

    public int Offset(int j) => _cache.Keys.Offset(Part(j), j & (KeyValueBlocks.BlockSize - 1), _cache.HeadSize);

    public float Bias(int j) => _cache.Bias[(Block(j) * KeyValueBlocks.BlockSize) + (j & (KeyValueBlocks.BlockSize - 1))];

    public float KeyScale(int j) => _cache.Keys.Scale(Part(j), j & (KeyValueBlocks.BlockSize - 1), _cache.HeadSize);

    public float ValueScale(int j) => _cache.Values.Scale(Part(j), j & (KeyValueBlocks.BlockSize - 1), _cache.HeadSize);

    public float Key(int index) => _cache.Keys.Read(index);

    public float Value(int index) => _cache.Values.Read(index);

    private int Part(int j) => (Block(j) * _cache.Heads) + _head;

    private int Block(int j) => _blocks[_firstBlock + (j / KeyValueBlocks.BlockSize)];
}
