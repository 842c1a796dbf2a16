using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Mathematics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>What follows a product, while its strip of columns is still in the cache: activation, residual, and the masked edge of y.</summary>
internal static unsafe class Epilogue
{
    /// <param name="layer">The layer.</param>
    /// <param name="strip">[rows][2 Width] sums, with the bias in them.</param>
    /// <param name="firstRow">Row of y that the strip's first row belongs to.</param>
    /// <param name="rows">Rows of the strip.</param>
    /// <param name="column">First column of the strip in y; y may end before the strip does.</param>
    public static void Write<S>(LinearOperands* layer, float* strip, int firstRow, int rows, int column)
        where S : unmanaged, ISimd<S>
    {
        switch (layer->Activation)
        {
            case Activation.Gelu:
                Write<S, Gelu>(layer, strip, firstRow, rows, column);
                break;
            case Activation.QuickGelu:
                Write<S, QuickGelu>(layer, strip, firstRow, rows, column);
                break;
            case Activation.Relu:
                Write<S, Relu>(layer, strip, firstRow, rows, column);
                break;
            default:
                Write<S, Identity>(layer, strip, firstRow, rows, column);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write<S, TActivation>(LinearOperands* layer, float* strip, int firstRow, int rows, int column)
        where S : unmanaged, ISimd<S>
        where TActivation : IActivation
    {
        float* residual = layer->Residual;
        for (int vector = 0; vector < 2; vector++)
        {
            int lanes = Math.Min(S.Width, layer->Outputs - column - (vector * S.Width));
            if (lanes <= 0)
                break;
            float* sums = strip + (vector * S.Width);
            nint offset = ((nint)firstRow * layer->Outputs) + column + (vector * S.Width);
            for (int row = 0; row < rows; row++)
            {
                S y = TActivation.Apply(S.Load(sums));
                if (lanes == S.Width)
                {
                    if (residual != null)
                        y += S.Load(residual + offset);
                    y.Store(layer->Y + offset);
                }
                else
                {
                    if (residual != null)
                        y += S.LoadPartial(residual + offset, lanes);
                    y.StorePartial(layer->Y + offset, lanes);
                }
                sums += 2 * S.Width;
                offset += layer->Outputs;
            }
        }
    }
}
