using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>A panel: the two vectors of outputs that a micro-kernel computes at once.</summary>
internal static unsafe class Panel<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>Outputs of a panel.</summary>
    public static int Width => 2 * S.Width;

    /// <summary>Adds sums to a row of a strip.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddTo(float* row, S left, S right)
    {
        (S.Load(row) + left).Store(row);
        (S.Load(row + S.Width) + right).Store(row + S.Width);
    }

    /// <summary>The panel's part of a vector of outputs, zeros past its end; all zeros for null.</summary>
    public static (S Left, S Right) Load(float* vector, int column, int outputs)
    {
        if (vector == null)
            return default;
        int lanes = Math.Min(Width, outputs - column);
        int left = Math.Min(lanes, S.Width);
        return (S.LoadPartial(vector + column, left), S.LoadPartial(vector + column + left, lanes - left));
    }
}
