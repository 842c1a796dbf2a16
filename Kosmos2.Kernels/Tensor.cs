using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels;

/// <summary>
/// A dense row-major block of numbers: an element type, a shape, and a place in a <see cref="TensorStorage"/>, which is memory of
/// our own, memory of a mapped file, or a buffer on a device. A view shares its parent's storage and must not outlive it.
/// </summary>
public sealed class Tensor : IDisposable
{
    private readonly bool _ownsStorage;

    /// <summary>Places a tensor in a storage.</summary>
    /// <param name="storage">The memory.</param>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Extents.</param>
    /// <param name="byteOffset">Where the first element lies in the storage.</param>
    /// <param name="ownsStorage">Whether disposing the tensor disposes the storage.</param>
    /// <exception cref="ArgumentException">The tensor would reach past the end of the storage.</exception>
    public Tensor(TensorStorage storage, DType type, Shape shape, long byteOffset = 0, bool ownsStorage = false)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(shape);
        long length = checked(shape.ElementCount * type.SizeInBytes());
        if (byteOffset < 0 || byteOffset > storage.ByteLength - length)
            throw new ArgumentException($"a {type} tensor {shape} at byte {byteOffset} does not fit a storage of {storage.ByteLength} bytes");
        Storage = storage;
        DType = type;
        Shape = shape;
        ByteOffset = byteOffset;
        ByteLength = length;
        _ownsStorage = ownsStorage;
    }

    /// <summary>The memory this tensor lies in.</summary>
    public TensorStorage Storage { get; }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Extents, outermost first.</summary>
    public Shape Shape { get; }

    /// <summary>Where the first element lies in <see cref="Storage"/>.</summary>
    public long ByteOffset { get; }

    /// <summary>Size of the elements in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>Number of rows: the product of all extents but the last.</summary>
    public int Rows => Shape.Rows;

    /// <summary>Length of a row: the last extent.</summary>
    public int Width => Shape.Width;

    /// <summary>Whether the host can read the elements in place.</summary>
    public bool IsHost => Storage.IsHost;

    /// <summary>Address of the first element. Aligned to 64 bytes when the storage is our own and the view starts at a line; in a mapped file not at all.</summary>
    /// <exception cref="InvalidOperationException">The elements lie on a device, or the storage was disposed.</exception>
    public unsafe byte* HostPointer => IsHost ? Storage.HostPointer + ByteOffset : ThrowNotHost();

    /// <summary>The elements as a span.</summary>
    /// <typeparam name="T">A type of the size of <see cref="DType"/>.</typeparam>
    /// <exception cref="InvalidOperationException">The elements lie on a device.</exception>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> has another size than the element type.</exception>
    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged
    {
        if (sizeof(T) != DType.SizeInBytes())
            throw new ArgumentException($"a {DType} tensor cannot be read as {typeof(T).Name}");
        return new Span<T>(HostPointer, checked((int)Shape.ElementCount));
    }

    /// <summary>The bytes as numbers of any type, in host memory; what is left over is left out.</summary>
    internal unsafe Span<T> HostBytes<T>()
        where T : unmanaged => new(HostPointer, checked((int)(ByteLength / sizeof(T))));

    /// <summary>Makes host memory of our own, zeroed.</summary>
    public static Tensor OnHost(DType type, params ReadOnlySpan<long> extents)
    {
        var shape = new Shape(extents);
        return new Tensor(new HostStorage(checked(shape.ElementCount * type.SizeInBytes())), type, shape, 0, ownsStorage: true);
    }

    /// <summary>A view of rows <paramref name="start"/> to <paramref name="start"/> + <paramref name="count"/>, as a matrix [count, Width].</summary>
    public Tensor SliceRows(int start, int count)
    {
        if (start < 0 || count < 0 || start > Rows - count)
            throw new ArgumentOutOfRangeException(nameof(start), $"rows {start}..{(long)start + count} of a tensor {Shape}");
        return new Tensor(Storage, DType, new Shape(count, Width), ByteOffset + ((long)start * Width * DType.SizeInBytes()));
    }

    /// <summary>The same elements under another shape.</summary>
    /// <exception cref="ArgumentException">The element count differs.</exception>
    public Tensor Reshape(params ReadOnlySpan<long> extents)
    {
        var shape = new Shape(extents);
        return shape.ElementCount == Shape.ElementCount
            ? new Tensor(Storage, DType, shape, ByteOffset)
            : throw new ArgumentException($"{Shape} cannot be read as {shape}");
    }

    /// <summary>Frees the storage if this tensor owns it; a view frees nothing.</summary>
    public void Dispose()
    {
        if (_ownsStorage)
            Storage.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{DType} {Shape}";

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe byte* ThrowNotHost() => throw new InvalidOperationException("the elements are not in host memory, or were freed");
}
