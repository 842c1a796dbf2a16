using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>y[i] = activation(norm(x) W[i]^T + b[i]) + residual for one or more layers i of one format over the same rows.</summary>
internal static unsafe class LinearKernel
{
    // Bounds the working memory: more rows run in several passes, each of which packs mapped weights again (a cost of about 1 in 2 x 500 rows).
    private const int MostRows = 504;
    private const long MostPackedFloats = 2 << 20;

    public static void Run<S, TFormat>(CpuMachine machine, TileKernels tiles, float* x, int rows, LayerNormParameters? norm, ReadOnlySpan<LinearOperands> layers)
        where S : unmanaged, ISimd<S>
        where TFormat : unmanaged, IProductFormat
    {
        if (rows == 0 || layers.Length == 0)
            return;
        int inputs = layers[0].Inputs;
        int tileRows = tiles.Plain.Rows;
        int passRows = (int)Math.Clamp(MostPackedFloats / Math.Max(inputs, 1), 8 * tileRows, MostRows) / tileRows * tileRows;
        int most = Math.Min(rows, passRows);
        float* scratch = machine.ReservePrivate(Math.Max(MultiplyJob<S, TFormat>.ScratchLength(most), inputs), out nint scratchStride);
        long words = (long)ProductSteps.Of<TFormat>(inputs) * TFormat.StepWords * most;
        float* shared = machine.Shared.Reserve(words + most);
        var packed = new PackedRows
        {
            Inputs = inputs,
            Norm = norm is null ? null : new NormOperands(norm),
            Words = shared,
            Scales = shared + words,
        };
        fixed (LinearOperands* first = layers)
        {
            for (int row = 0; row < rows; row += passRows)
            {
                packed.Source = x + ((nint)row * inputs);
                var panels = new RowPanels(Math.Min(passRows, rows - row), tileRows);
                var pack = new PackRowsJob<TFormat>(packed, panels, scratch, scratchStride);
                // One panel is packed sooner than the workers would start.
                if (panels.Count == 1)
                    pack.Run(0, 1);
                else
                    machine.Pool.Run(ref pack);
                AskingTiles asking = tiles.Asking(TFormat.BlockSteps * TFormat.StepLoads, TFormat.BlockSteps * TFormat.PanelWords, panels);
                var multiply = new MultiplyJob<S, TFormat>(first, layers.Length, packed, panels, row, asking, tiles.Expand<TFormat>(), scratch, scratchStride);
                machine.Pool.Run(ref multiply);
            }
        }
    }
}
