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
        int lanes = Math.Min(2 * S.Width, layer->Outputs - column);
        nint offset = ((nint)firstRow * layer->Outputs) + column;
        // Row by row: rows of y are often a power of two apart, and a line that is left before it is whole would have to be fetched again.
        for (int row = 0; row < rows; row++)
        {
            float* residual = layer->Residual == null ? null : layer->Residual + offset;
            WriteVector<S, TActivation>(strip, residual, layer->Y + offset, Math.Min(lanes, S.Width));
            if (lanes > S.Width)
                WriteVector<S, TActivation>(strip + S.Width, residual == null ? null : residual + S.Width, layer->Y + offset + S.Width, lanes - S.Width);
            strip += 2 * S.Width;
            offset += layer->Outputs;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteVector<S, TActivation>(float* sums, float* residual, float* y, int lanes)
        where S : unmanaged, ISimd<S>
        where TActivation : IActivation
    {
        S value = TActivation.Apply(S.Load(sums));
        if (lanes == S.Width)
        {
            if (residual != null)
                value += S.Load(residual);
            value.Store(y);
            return;
        }
        if (residual != null)
            value += S.LoadPartial(residual, lanes);
        value.StorePartial(y, lanes);
    }
}
