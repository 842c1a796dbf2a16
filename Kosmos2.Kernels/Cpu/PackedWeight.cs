using System.Runtime.InteropServices;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels.Cpu;

/// <summary>
/// A weight in the order in which the micro-kernels read it, beside its source: [panel][in][columns of a panel], the last panel filled up with zeros.
/// A panel is written by the worker that first needs it; once all are there the source's pages are given back (rows read later, as
/// embeddings are, come from the file again).
/// </summary>
internal sealed unsafe class PackedWeight : CpuWeight
{
    private readonly Tensor _source;
    private readonly int _panels;
    private float* _memory;
    private byte* _written;
    private bool _complete;

    /// <summary>Reserves room; nothing is packed yet.</summary>
    /// <param name="matrix">[out, in].</param>
    /// <param name="panelWidth">Columns of a panel.</param>
    public PackedWeight(Tensor matrix, int panelWidth)
        : base(matrix)
    {
        _source = matrix;
        _panels = (matrix.Rows + panelWidth - 1) / panelWidth;
        _memory = (float*)Pages.Reserve(checked((nuint)_panels * (nuint)panelWidth * (nuint)matrix.Width * sizeof(float)));
        _written = (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(_panels, 1));
    }

    ~PackedWeight() => Dispose(false);

    /// <summary>[panel][in][panel width].</summary>
    public float* Memory => _memory;

    /// <summary>[panels] 1 where a panel has been written.</summary>
    public byte* Written => _written;

    /// <summary>Gives the source's pages back once they are no longer needed. Called after a product, by one thread.</summary>
    public void ReleaseSource()
    {
        if (_complete || new ReadOnlySpan<byte>(_written, _panels).Contains((byte)0))
            return;
        _complete = true;
        _source.Storage.Discard(_source.ByteOffset, _source.ByteLength);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_memory);
        NativeMemory.Free(_written);
        _memory = null;
        _written = null;
        base.Dispose(disposing);
    }
}
