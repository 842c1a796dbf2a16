using System.Runtime.InteropServices;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels.Cpu;

/// <summary>
/// A weight in the order in which the micro-kernels of a format read it (<see cref="PanelLayout"/>), beside its source. A panel is written by the worker that first needs
/// it; once all are there the source is given back, the pages of a file as well as a copy that was converted on loading, and rows read later, as embeddings are, come out
/// of the panels (<see cref="PanelRow"/>). Panels that lie ready in a file are read there.
/// </summary>
internal sealed unsafe class PackedWeight : CpuWeight
{
    private readonly Tensor[] _sources;
    private readonly Tensor? _stored;
    private readonly int _panels;
    private float* _memory;
    private byte* _written;

    /// <summary>Reserves room for panels, or takes those that are there.</summary>
    /// <param name="matrix">[out, in].</param>
    /// <param name="layout">Of the panels.</param>
    /// <param name="stored">The panels, on the host, or null. They must outlive the weight.</param>
    /// <exception cref="ArgumentException">The stored panels are of another size, or do not begin on a cache line.</exception>
    public PackedWeight(Tensor matrix, PanelLayout layout, Tensor? stored = null)
        : base(matrix, layout.Format)
    {
        _sources = [matrix];
        _stored = stored;
        Layout = layout;
        _panels = Begin();
    }

    /// <summary>As the other, for integers.</summary>
    public PackedWeight(QuantizedMatrix matrix, PanelLayout layout, Tensor? stored = null)
        : base(matrix, layout.Format)
    {
        // Panels of 4-bit weights hold their scales as well.
        _sources = matrix.Bits == 8 ? [matrix.Values] : [matrix.Values, matrix.Scales];
        _stored = stored;
        Layout = layout;
        _panels = Begin();
    }

    ~PackedWeight() => Dispose(false);

    /// <summary>How the panels lie.</summary>
    public PanelLayout Layout { get; }

    /// <summary>The panels.</summary>
    public float* Memory => _memory;

    /// <summary>Bytes of the panels.</summary>
    public long ByteLength { get; private set; }

    /// <summary>[panels] 1 where a panel has been written.</summary>
    public byte* Written => _written;

    /// <summary>Whether all panels are there, and the source is not needed.</summary>
    public bool IsComplete { get; private set; }

    /// <inheritdoc/>
    public override WeightOperands ProductOperands => IsComplete ? OperandsBesidePanels : Operands;

    /// <summary>Bytes of a scale as products read it: a float's, as in a file and on a GPU, but a bfloat16's for packed weights of 4 bits (<see cref="Int4Format{S}"/>).</summary>
    /// <param name="bits">Bits of a weight.</param>
    /// <param name="packed">Whether it is packed.</param>
    public static int ScaleBytes(int bits, bool packed) => packed && bits == 4 ? sizeof(ushort) : sizeof(float);

    /// <summary>Some of the panels' bytes.</summary>
    public ReadOnlySpan<byte> Bytes(long start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, ByteLength - start);
        return new ReadOnlySpan<byte>((byte*)_memory + start, count);
    }

    /// <summary>Gives the source back once it is no longer needed. Called after a product, by one thread.</summary>
    public void ReleaseSource()
    {
        if (IsComplete || new ReadOnlySpan<byte>(_written, _panels).Contains((byte)0))
            return;
        IsComplete = true;
        foreach (Tensor source in _sources)
            source.Storage.Discard(source.ByteOffset, source.ByteLength);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_stored is null)
        {
            NativeMemory.AlignedFree(_memory);
            NativeBytes.Remove(ByteLength);
        }
        NativeMemory.Free(_written);
        _memory = null;
        _written = null;
        ByteLength = 0;
        IsComplete = false;
        base.Dispose(disposing);
    }

    private int Begin()
    {
        int panels = Layout.PanelsOf(Shape);
        ByteLength = Layout.BytesOf(Shape);
        _memory = _stored is null ? (float*)Pages.Reserve((nuint)ByteLength) : Take(_stored);
        _written = (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(panels, 1));
        IsComplete = _stored is not null;
        if (IsComplete)
        {
            new Span<byte>(_written, panels).Fill(1);
            return panels;
        }
        NativeBytes.Add(ByteLength);
        // Narrow panels leave part of the last line as it is.
        if (ByteLength > 0)
            new Span<byte>((byte*)_memory + ByteLength - CacheLine.Bytes, CacheLine.Bytes).Clear();
        return panels;
    }

    private float* Take(Tensor stored)
    {
        if (stored.ByteLength != ByteLength || (nuint)stored.HostPointer % CacheLine.Bytes != 0)
            throw new ArgumentException($"{stored} are no panels of {Shape}; expected {ByteLength} bytes on a cache line", nameof(stored));
        return (float*)stored.HostPointer;
    }
}
