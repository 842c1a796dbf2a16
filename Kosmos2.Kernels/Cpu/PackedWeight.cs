using System.Runtime.InteropServices;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels.Cpu;

/// <summary>
/// A weight in the order in which the micro-kernels of a format read it, beside its source: [panel][step][words of a step], the last panel filled up with
/// zeros. A panel is written by the worker that first needs it; once all are there the source is given back, the pages of a file as well as a copy that was converted
/// on loading, and rows read later, as embeddings are, come out of the panels (<see cref="PanelRow"/>).
/// </summary>
internal sealed unsafe class PackedWeight : CpuWeight
{
    private readonly Tensor[] _sources;
    private readonly int _panels;
    private float* _memory;
    private byte* _written;

    private PackedWeight(Tensor matrix, ProductFormat format, int panelWidth, int stepInputs, int panelWords)
        : base(matrix, format)
    {
        _sources = [matrix];
        _panels = Reserve(panelWidth, stepInputs, panelWords);
    }

    private PackedWeight(QuantizedMatrix matrix, ProductFormat format, int panelWidth, int stepInputs, int panelWords)
        : base(matrix, format)
    {
        // Panels of 4-bit weights hold their scales as well.
        _sources = matrix.Bits == 8 ? [matrix.Values] : [matrix.Values, matrix.Scales];
        _panels = Reserve(panelWidth, stepInputs, panelWords);
    }

    ~PackedWeight() => Dispose(false);

    /// <summary>The panels.</summary>
    public float* Memory => _memory;

    /// <summary>Bytes of the panels.</summary>
    public long ByteLength { get; private set; }

    /// <summary>[panels] 1 where a panel has been written.</summary>
    public byte* Written => _written;

    /// <summary>Whether all panels have been written, and the source given back.</summary>
    public bool IsComplete { get; private set; }

    /// <inheritdoc/>
    public override WeightOperands ProductOperands => IsComplete ? OperandsBesidePanels : Operands;

    /// <summary>Bytes of a scale as products read it: a float's, as in a file and on a GPU, but a bfloat16's for packed weights of 4 bits (<see cref="Int4Format{S}"/>).</summary>
    /// <param name="bits">Bits of a weight.</param>
    /// <param name="packed">Whether it is packed.</param>
    public static int ScaleBytes(int bits, bool packed) => packed && bits == 4 ? sizeof(ushort) : sizeof(float);

    /// <summary>Reserves room for a weight in a format; nothing is packed yet.</summary>
    /// <param name="matrix">[out, in].</param>
    /// <param name="format">Its name.</param>
    /// <param name="panelWidth">Outputs of a panel.</param>
    public static PackedWeight Reserve<TFormat>(Tensor matrix, ProductFormat format, int panelWidth)
        where TFormat : unmanaged, IProductFormat => new(matrix, format, panelWidth, TFormat.StepInputs, TFormat.PanelWords);

    /// <summary>As the other, for integers.</summary>
    public static PackedWeight Reserve<TFormat>(QuantizedMatrix matrix, ProductFormat format, int panelWidth)
        where TFormat : unmanaged, IProductFormat => new(matrix, format, panelWidth, TFormat.StepInputs, TFormat.PanelWords);

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
        NativeMemory.AlignedFree(_memory);
        NativeMemory.Free(_written);
        NativeBytes.Remove(ByteLength);
        _memory = null;
        _written = null;
        ByteLength = 0;
        IsComplete = false;
        base.Dispose(disposing);
    }

    private int Reserve(int panelWidth, int stepInputs, int panelWords)
    {
        int panels = (Shape.Rows + panelWidth - 1) / panelWidth;
        int steps = (Shape.Width + stepInputs - 1) / stepInputs;
        ByteLength = checked((long)panels * steps * panelWords * sizeof(float));
        _memory = (float*)Pages.Reserve((nuint)ByteLength);
        _written = (byte*)NativeMemory.AllocZeroed((nuint)Math.Max(panels, 1));
        NativeBytes.Add(ByteLength);
        return panels;
    }
}
