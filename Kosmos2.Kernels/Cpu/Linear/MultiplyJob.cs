using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// The products of packed rows with the weights of one or more layers. Every worker takes a run of column panels (two vectors wide). For each
/// panel and each block of steps it packs that piece of the weight, in the order in which the micro-kernel reads it, into memory of its own (or once and
/// for all into the weight's, see <see cref="PackedWeight"/>), and lets the micro-kernel add all rows' products to a strip [rows][2 Width]; after
/// the last block the strip goes to y.
/// </summary>
/// <remarks>
/// So the weight is read once, in the order it lies in, and neither edge reaches the micro-kernel. A sum's order is fixed by the number of inputs:
/// blocks, each one chain, added up in turn. Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008), gives the
/// blocking its reasons.
/// </remarks>
internal readonly unsafe struct MultiplyJob<S, TFormat>(
    LinearOperands* layers, int layerCount, PackedRows rows, RowPanels panels, int firstRow, AskingTiles tiles, bool expands, float* scratch, nint scratchStride) : IJob, IPanelWork
    where S : unmanaged, ISimd<S>
    where TFormat : unmanaged, IProductFormat
{
    private static int PanelWidth => Panel<S>.Width;

    private static int BlockWords => TFormat.BlockSteps * TFormat.PanelWords;

    // A block as it is packed, or widened to F32.
    private static int RoomWords => TFormat.BlockSteps * Math.Max(TFormat.PanelWords, PanelWidth);

    /// <summary>Floats that each worker needs for a number of rows: a packed block, room to pack or widen it, the strips of the panels that are computed at once.</summary>
    public static nint ScratchLength(int rows) =>
        BlockWords + RoomWords + (Math.Max(rows, StreamTile<S, FloatElements>.MostStripRows) * (nint)PanelWidth);

    public void Run(int worker, int workers) =>
        LayerPanels<S>.Run(this, layers, layerCount, worker, workers, scratch + (worker * scratchStride));

    public void RunPanels(LinearOperands* layer, int first, int end, float* scratch)
    {
        // Few rows stream where a block would have to be widened first, whatever the machine.
        int together = !(tiles.Streams || expands) || layer->Panels == null || panels.Count > 1 ? 0 : TFormat.PanelsTogether(panels.Rows);
        for (int panel = first; panel < end;)
        {
            bool stream = together > 0 && panel + together <= end && !new ReadOnlySpan<byte>(layer->Written + panel, together).Contains((byte)0);
            int count = stream ? together : 1;
            RunPanels(layer, panel, count, stream, scratch, scratch + BlockWords + RoomWords);
            panel += count;
        }
    }

    private void RunPanels(LinearOperands* layer, int panel, int count, bool stream, float* block, float* strips)
    {
        nint stripLength = (nint)panels.Rows * PanelWidth;
        for (int i = 0; i < count; i++)
            TFormat.Begin(layer, (panel + i) * PanelWidth, rows, panels.Rows, strips + (i * stripLength));
        if (stream)
            TFormat.MultiplyTogether(layer, panel, rows, panels.Rows, strips);
        else if (layer->Panels != null || panels.Count > 1 || !TFormat.MultiplyMapped(layer, panel * PanelWidth, rows, panels.Rows, strips))
            Multiply(layer, panel, block, block + BlockWords, strips);
        for (int i = 0; i < count; i++)
        {
            TFormat.Finish(layer, (panel + i) * PanelWidth, rows, panels.Rows, strips + (i * stripLength));
            Epilogue.Write<S>(layer, strips + (i * stripLength), firstRow, panels.Rows, (panel + i) * PanelWidth);
        }
    }

    private void Multiply(LinearOperands* layer, int index, float* block, float* room, float* strip)
    {
        int column = index * PanelWidth;
        int steps = ProductSteps.Of<TFormat>(layer->Inputs);
        bool kept = layer->Panels != null;
        bool written = kept && layer->Written[index] != 0;
        for (int step = 0; step < steps; step += TFormat.BlockSteps)
        {
            int count = Math.Min(TFormat.BlockSteps, steps - step);
            float* weight = kept ? layer->Panels + ((((nint)index * steps) + step) * TFormat.PanelWords) : block;
            if (!written)
                TFormat.PackWeight(layer, column, step, count, weight, room);
            // The next block, which lies behind this one also where the next panel begins.
            byte* next = written ? (byte*)(weight + ((nint)count * TFormat.PanelWords)) : null;
            if (expands)
                weight = TFormat.Expand(weight, count, room);
            float* words = rows.Words + ((nint)step * TFormat.StepWords * panels.Rows);
            for (int panel = 0; panel < panels.Count; panel++)
            {
                int row = panels.Start(panel);
                tiles.Table.Run(
                    panels.Start(panel + 1) - row, words + ((nint)row * count * TFormat.StepWords), weight, strip + ((nint)row * PanelWidth), count, PanelWidth,
                    tiles.Ahead(panel, next, weight));
            }
        }
        if (kept)
            layer->Written[index] = 1;
    }
}
