using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>y[i] = activation(norm(x) W[i]^T + b[i]) + residual for one or more layers i over the same rows.</summary>
internal static unsafe class LinearKernel
{
    // Bounds the working memory: more rows run in several passes, each of which packs the weights again (a cost of about 1 in 2 x 500 rows).
    private const int MostRows = 504;
    private const long MostPackedFloats = 2 << 20;

    public static void Run<S>(CpuMachine machine, float* x, int rows, LayerNormParameters? norm, ReadOnlySpan<LinearOperands> layers)
        where S : unmanaged, ISimd<S>
    {
        if (rows == 0 || layers.Length == 0)
            return;
        int inputs = layers[0].Inputs;
        int passRows = (int)Math.Clamp(MostPackedFloats / Math.Max(inputs, 1), 8 * S.TileRows, MostRows) / S.TileRows * S.TileRows;
        float* scratch = machine.ReservePrivate(MultiplyJob<S>.ScratchLength(Math.Min(rows, passRows)), out nint scratchStride);
        float* packed = machine.Shared.Reserve((long)Math.Min(rows, passRows) * inputs);
        NormOperands? operands = norm is null ? null : new NormOperands(norm);
        fixed (LinearOperands* first = layers)
        {
            for (int row = 0; row < rows; row += passRows)
            {
                var panels = new RowPanels(Math.Min(passRows, rows - row), S.TileRows);
                var pack = new PackRowsJob<S>(x + ((nint)row * inputs), inputs, operands, panels, packed);
                // One panel is packed sooner than the workers would start.
                if (panels.Count == 1)
                    pack.Run(0, 1);
                else
                    machine.Pool.Run(ref pack);
                var multiply = new MultiplyJob<S>(first, layers.Length, packed, panels, row, machine.Tiles, scratch, scratchStride);
                machine.Pool.Run(ref multiply);
            }
        }
    }
}
