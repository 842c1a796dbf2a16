namespace Kosmos2.Kernels;

/// <summary>
/// Keys and values of a decoder, on one backend, in blocks of <see cref="BlockSize"/> slots. A slot is one token of one sequence; which
/// blocks belong to which sequence is the caller's affair (<see cref="StepTable.Blocks"/>).
/// </summary>
public sealed class KeyValueBlocks : IDisposable
{
    /// <summary>Slots in a block.</summary>
    public const int BlockSize = 16;

    /// <summary>Added to the score of a key that may not be attended: the lowest float, as Hugging Face's mask has it.</summary>
    public const float HiddenBias = float.MinValue;

    private readonly IBackend _backend;
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;

    /// <summary>Allocates a cache.</summary>
    /// <param name="backend">The device; must outlive the cache.</param>
    /// <param name="layers">Decoder layers.</param>
    /// <param name="heads">Heads of a layer.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="capacity">Blocks to begin with, at least 1.</param>
    public KeyValueBlocks(IBackend backend, int layers, int heads, int headSize, int capacity)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _backend = backend;
        Heads = heads;
        HeadSize = headSize;
        Capacity = capacity;
        _keys = new Tensor[layers];
        _values = new Tensor[layers];
        for (int layer = 0; layer < layers; layer++)
        {
            _keys[layer] = AllocateBlocks();
            _values[layer] = AllocateBlocks();
        }
        KeyBias = backend.Allocate(DType.F32, capacity, BlockSize);
    }

    /// <summary>Decoder layers.</summary>
    public int Layers => _keys.Length;

    /// <summary>Heads of a layer.</summary>
    public int Heads { get; }

    /// <summary>Width of a head.</summary>
    public int HeadSize { get; }

    /// <summary>Blocks allocated.</summary>
    public int Capacity { get; private set; }

    /// <summary>F32 [blocks, BlockSize]: 0 for a key that may be attended, <see cref="HiddenBias"/> for one that may not.</summary>
    public Tensor KeyBias { get; private set; }

    /// <summary>F32 [blocks, heads, BlockSize, headSize] of one layer.</summary>
    public Tensor Keys(int layer) => _keys[layer];

    /// <summary>F32 [blocks, heads, BlockSize, headSize] of one layer.</summary>
    public Tensor Values(int layer) => _values[layer];

    /// <summary>Makes room for at least <paramref name="blocks"/> blocks; what is cached stays.</summary>
    public void EnsureCapacity(int blocks)
    {
        if (blocks <= Capacity)
            return;
        int old = Capacity;
        Capacity = Math.Max(blocks, checked(Capacity * 2));
        for (int layer = 0; layer < Layers; layer++)
        {
            _keys[layer] = Grow(_keys[layer], AllocateBlocks(), old);
            _values[layer] = Grow(_values[layer], AllocateBlocks(), old);
        }
        KeyBias = Grow(KeyBias, _backend.Allocate(DType.F32, Capacity, BlockSize), old);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _keys)
            tensor.Dispose();
        foreach (Tensor tensor in _values)
            tensor.Dispose();
        KeyBias.Dispose();
    }

    private Tensor AllocateBlocks() => _backend.Allocate(DType.F32, Capacity, Heads, BlockSize, HeadSize);

    private Tensor Grow(Tensor small, Tensor large, int oldCapacity)
    {
        int rows = small.Rows / Math.Max(oldCapacity, 1) * oldCapacity;
        _backend.Copy(small, large.SliceRows(0, rows));
        _backend.Synchronize();
        small.Dispose();
        return large;
    }
}
