using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>Rows on their way into words of two bfloat16s. Rows end where they end, and what a vector lacks is zeros.</summary>
internal static unsafe class RowWords
{
    /// <summary>Sixteen words of two bfloat16s, from 32 inputs, rounded to nearest, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ushort> BFloat16s(Vector512<float> low, Vector512<float> high) => Vector512.Narrow(BFloat16Bits.FromSingle(low), BFloat16Bits.FromSingle(high));

    /// <summary>Sixteen inputs, zeros past the end of the row; read as vectors of that width are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load<S>(float* row, int start, int inputs)
        where S : unmanaged, ISimd<S> =>
        Unsafe.BitCast<S, Vector512<float>>(start + S.Width <= inputs ? S.Load(row + start) : S.LoadPartial(row + start, inputs - start));

    /// <summary>Puts a row's words where the micro-kernel looks for them: one every <paramref name="stride"/> words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter(uint* words, int count, uint* destination, nint stride)
    {
        for (int i = 0; i < count; i++)
            destination[i * stride] = words[i];
    }
}
