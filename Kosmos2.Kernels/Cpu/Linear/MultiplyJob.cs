using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The products of packed rows with the weights of one or more layers. Every worker takes a run of column panels (two vectors wide). For each
/// panel and each block of <see cref="BlockDepth"/> inputs it packs that piece of the weight, transposed and widened, into memory
/// of its own (or once and for all into the weight's, see <see cref="PackedWeight"/>), and lets the micro-kernel add all rows' products to a strip [rows][2 Width]; after the last block the strip goes to y.
/// </summary>
/// <remarks>
/// So the weight is read once, in the order it lies in, and neither edge reaches the micro-kernel. A sum's order is fixed by the number of inputs:
/// blocks of <see cref="BlockDepth"/>, each one chain, added up in turn. Goto and van de Geijn, "Anatomy of high-performance matrix
/// multiplication" (2008), gives the blocking its reasons.
/// </remarks>
internal readonly unsafe struct MultiplyJob<S>(
    LinearOperands* layers, int layerCount, float* packedRows, RowPanels panels, int firstRow, TileTable tiles, float* scratch, nint scratchStride) : IJob
    where S : unmanaged, ISimd<S>
{
    /// <summary>Inputs in a block: a piece of the weight and its packed form are then 16 KiB each at the widest vectors, half of a first-level cache.</summary>
    public const int BlockDepth = 128;

    /// <summary>Columns of a panel.</summary>
    public static int PanelWidth => 2 * S.Width;

    /// <summary>Floats that each worker needs for a number of rows.</summary>
    public static nint ScratchLength(int rows) => (BlockDepth + (nint)rows) * PanelWidth;

    public void Run(int worker, int workers)
    {
        float* packedWeight = scratch + (worker * scratchStride);
        float* strip = packedWeight + (BlockDepth * PanelWidth);
        int count = 0;
        for (int i = 0; i < layerCount; i++)
            count += PanelsOf(layers + i);
        int first = (int)((long)count * worker / workers);
        int end = (int)((long)count * (worker + 1) / workers);
        int start = 0;
        for (int i = 0; i < layerCount; i++)
        {
            int here = PanelsOf(layers + i);
            for (int panel = Math.Max(first - start, 0); panel < Math.Min(end - start, here); panel++)
                RunPanel(layers + i, panel, packedWeight, strip);
            start += here;
        }
    }

    private static int PanelsOf(LinearOperands* layer) => (layer->Outputs + PanelWidth - 1) / PanelWidth;

    private void RunPanel(LinearOperands* layer, int index, float* packedWeight, float* strip)
    {
        int column = index * PanelWidth;
        bool kept = layer->Panels != null;
        bool written = kept && layer->Written[index] != 0;
        FillWithBias(layer, column, strip);
        for (int k = 0; k < layer->Inputs; k += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, layer->Inputs - k);
            if (kept)
                packedWeight = layer->Panels + ((((nint)index * layer->Inputs) + k) * PanelWidth);
            if (!written)
                PackWeight(layer, column, k, depth, packedWeight);
            float* block = packedRows + ((nint)k * panels.Rows);
            for (int panel = 0; panel < panels.Count; panel++)
            {
                int row = panels.Start(panel);
                tiles.Run(panels.Start(panel + 1) - row, block + ((nint)row * depth), packedWeight, strip + ((nint)row * PanelWidth), depth, PanelWidth);
            }
        }
        if (kept)
            layer->Written[index] = 1;
        Epilogue.Write<S>(layer, strip, firstRow, panels.Rows, column);
    }

    private void FillWithBias(LinearOperands* layer, int column, float* strip)
    {
        S left = default;
        S right = default;
        if (layer->Bias != null)
        {
            int lanes = Math.Min(PanelWidth, layer->Outputs - column);
            left = S.LoadPartial(layer->Bias + column, Math.Min(lanes, S.Width));
            right = S.LoadPartial(layer->Bias + column + Math.Min(lanes, S.Width), Math.Max(lanes - S.Width, 0));
        }
        for (int row = 0; row < panels.Rows; row++)
        {
            left.Store(strip + ((nint)row * PanelWidth));
            right.Store(strip + ((nint)row * PanelWidth) + S.Width);
        }
    }

    private static void PackWeight(LinearOperands* layer, int column, int k, int depth, float* packed)
    {
        int rows = Math.Min(PanelWidth, layer->Outputs - column);
        nint stride = layer->Inputs;
        // The next block of this panel, or the first of the next.
        nint ahead = k + depth < layer->Inputs ? BlockDepth : (PanelWidth * stride) - k;
        layer->Weight.Read<S, PanelPacker>(new PanelPacker(column, rows, k, depth, packed, ahead));
    }

    /// <summary>Packs a piece of a panel from whatever type its rows have.</summary>
    private readonly struct PanelPacker(int column, int rows, int k, int depth, float* packed, nint ahead) : IWeightReader<S>
    {
        public void Read<TSource>(TSource source)
            where TSource : unmanaged, IRowSource<S> => Packing.Pack<S, TSource>(source, column, rows, k, depth, packed, PanelWidth, PanelWidth, ahead);
    }
}
