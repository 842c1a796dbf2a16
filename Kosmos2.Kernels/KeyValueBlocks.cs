using System.Runtime.InteropServices;

namespace Kosmos2.Kernels;

/// <summary>
/// Keys and values of a decoder, on one backend, in blocks of <see cref="BlockSize"/> slots. A slot is one token of one sequence; which
/// blocks belong to which sequence is the caller's affair (<see cref="StepTable.Blocks"/>).
/// </summary>
/// <remarks>A block holds all that its numbers need to be read, scales included, so whoever copies blocks need not know their format.</remarks>
public sealed class KeyValueBlocks : IDisposable
{
    /// <summary>Slots in a block.</summary>
    public const int BlockSize = 16;

    /// <summary>Added to the score of a key that may not be attended: the lowest float, as Hugging Face's mask has it.</summary>
    public const float HiddenBias = float.MinValue;

    private readonly IBackend _backend;
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;
    private Tensor _keyBias;

    /// <summary>Allocates a cache.</summary>
    /// <param name="backend">The device; must outlive the cache.</param>
    /// <param name="layers">Decoder layers.</param>
    /// <param name="heads">Heads of a layer.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="capacity">Blocks to begin with, at least 1.</param>
    /// <param name="format">How numbers are stored.</param>
    public KeyValueBlocks(IBackend backend, int layers, int heads, int headSize, int capacity, CacheFormat format = CacheFormat.Float32)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _backend = backend;
        Format = format;
        Heads = heads;
        HeadSize = headSize;
        KeysByElement = backend.KeysByElement;
        Capacity = capacity;
        _keys = new Tensor[layers];
        _values = new Tensor[layers];
        try
        {
            for (int layer = 0; layer < layers; layer++)
            {
                _keys[layer] = AllocateBlocks(capacity);
                _values[layer] = AllocateBlocks(capacity);
            }
            _keyBias = AllocateBias(capacity);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How keys and values are stored.</summary>
    public CacheFormat Format { get; }

    /// <summary>Decoder layers.</summary>
    public int Layers => _keys.Length;

    /// <summary>Heads of a layer.</summary>
    public int Heads { get; }

    /// <summary>Width of a head.</summary>
    public int HeadSize { get; }

    /// <summary>Whether a head's keys of a block lie element by element, as <see cref="IBackend.KeysByElement"/> wants them.</summary>
    public bool KeysByElement { get; }

    /// <summary>Blocks allocated.</summary>
    public int Capacity { get; private set; }

    /// <summary>F32 [blocks, BlockSize]: 0 for a key that may be attended, <see cref="HiddenBias"/> for one that may not.</summary>
    public Tensor KeyBias => _keyBias;

    /// <summary>Bytes that a slot takes: keys, values and scales of all layers, and its bias.</summary>
    public long BytesPerSlot => (2L * Layers * Heads * HeadBytes / BlockSize) + sizeof(float);

    /// <summary>Bytes of one head's part of a block, keys or values of one layer.</summary>
    internal int HeadBytes => Format switch
    {
        CacheFormat.Float32 => BlockSize * HeadSize * sizeof(float),
        CacheFormat.BFloat16 => BlockSize * HeadSize * sizeof(ushort),
        _ => BlockSize * (sizeof(float) + HeadSize),
    };

    /// <summary>Bytes of a block, keys or values of one layer.</summary>
    internal int BlockBytes => Heads * HeadBytes;

    /// <summary>
    /// Keys of one layer: F32 or BF16 [blocks, heads, BlockSize, headSize]; or I8 [blocks, heads, BlockSize (4 + headSize)], where a head's part of a block
    /// begins with the BlockSize scales, in F32, and the rows of integers follow. With <see cref="KeysByElement"/> a head's part is [headSize, BlockSize], behind the scales.
    /// </summary>
    public Tensor Keys(int layer) => _keys[layer];

    /// <summary>Values of one layer, as <see cref="Keys"/>, always slot by slot.</summary>
    public Tensor Values(int layer) => _values[layer];

    /// <summary>Reads the key of one slot and head.</summary>
    /// <param name="layer">The bytes of <see cref="Keys"/>, in host memory.</param>
    /// <param name="block">The block.</param>
    /// <param name="head">The head.</param>
    /// <param name="slot">Slot of the block.</param>
    /// <param name="row">[headSize], to receive the numbers.</param>
    public void ReadKey(ReadOnlySpan<byte> layer, int block, int head, int slot, Span<float> row) => Read(layer, block, head, slot, KeysByElement, row);

    /// <summary>Reads the value of one slot and head, as <see cref="ReadKey"/>.</summary>
    /// <param name="layer">The bytes of <see cref="Values"/>, in host memory.</param>
    /// <param name="block">The block.</param>
    /// <param name="head">The head.</param>
    /// <param name="slot">Slot of the block.</param>
    /// <param name="row">[headSize], to receive the numbers.</param>
    public void ReadValue(ReadOnlySpan<byte> layer, int block, int head, int slot, Span<float> row) => Read(layer, block, head, slot, false, row);

    /// <summary>Makes room for at least <paramref name="blocks"/> blocks, at once for twice as many as there are; what is cached stays.</summary>
    /// <param name="blocks">The room that is needed.</param>
    /// <param name="atMost">Room that is never passed, at least <paramref name="blocks"/>.</param>
    /// <exception cref="Gpu.DeviceMemoryException">There is no room on the device. The cache is as it was.</exception>
    /// <exception cref="OutOfMemoryException">There is none in the host's memory. The cache is as it was.</exception>
    public void EnsureCapacity(int blocks, int atMost = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, atMost);
        if (blocks <= Capacity)
            return;
        int capacity = (int)Math.Min(Math.Max(blocks, 2L * Capacity), atMost);
        // One after the other, so that no more than one is there twice. Where one finds no room those before it stay large, which harms nothing.
        for (int layer = 0; layer < Layers; layer++)
        {
            Grow(ref _keys[layer], capacity, AllocateBlocks);
            Grow(ref _values[layer], capacity, AllocateBlocks);
        }
        Grow(ref _keyBias, capacity, AllocateBias);
        Capacity = capacity;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor? tensor in (IEnumerable<Tensor?>)[.. _keys, .. _values, _keyBias])
            tensor?.Dispose();
    }

    /// <summary>Copies what a block holds to another, in host memory.</summary>
    internal void CopyOnHost(int source, int destination)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            Copy(_keys[layer], BlockBytes);
            Copy(_values[layer], BlockBytes);
        }
        Copy(_keyBias, BlockSize * sizeof(float));

        void Copy(Tensor part, int length)
        {
            Span<byte> bytes = part.HostBytes<byte>();
            bytes.Slice(checked(source * length), length).CopyTo(bytes.Slice(checked(destination * length), length));
        }
    }

    private void Read(ReadOnlySpan<byte> layer, int block, int head, int slot, bool byElement, Span<float> row)
    {
        ReadOnlySpan<byte> part = layer.Slice(checked(((block * Heads) + head) * HeadBytes), HeadBytes);
        int first = byElement ? slot : slot * HeadSize;
        int stride = byElement ? BlockSize : 1;
        switch (Format)
        {
            case CacheFormat.Float32:
                ReadOnlySpan<float> floats = MemoryMarshal.Cast<byte, float>(part);
                for (int i = 0; i < HeadSize; i++)
                    row[i] = floats[first + (i * stride)];
                break;
            case CacheFormat.BFloat16:
                ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(part);
                for (int i = 0; i < HeadSize; i++)
                    row[i] = BFloat16.FromBits(halves[first + (i * stride)]);
                break;
            default:
                float scale = MemoryMarshal.Cast<byte, float>(part)[slot];
                ReadOnlySpan<sbyte> integers = MemoryMarshal.Cast<byte, sbyte>(part)[(BlockSize * sizeof(float))..];
                for (int i = 0; i < HeadSize; i++)
                    row[i] = integers[first + (i * stride)] * scale;
                break;
        }
    }

    private Tensor AllocateBlocks(int capacity) => Format switch
    {
        CacheFormat.Float32 => _backend.Allocate(DType.F32, capacity, Heads, BlockSize, HeadSize),
        CacheFormat.BFloat16 => _backend.Allocate(DType.BF16, capacity, Heads, BlockSize, HeadSize),
        _ => _backend.Allocate(DType.I8, capacity, Heads, HeadBytes),
    };

    private Tensor AllocateBias(int capacity) => _backend.Allocate(DType.F32, capacity, BlockSize);

    private void Grow(ref Tensor tensor, int capacity, Func<int, Tensor> allocate)
    {
        if (tensor.Shape[0] >= capacity)
            return;
        Tensor large = allocate(capacity);
        _backend.Copy(tensor, large.SliceRows(0, tensor.Rows));
        _backend.Synchronize();
        tensor.Dispose();
        tensor = large;
    }
}
