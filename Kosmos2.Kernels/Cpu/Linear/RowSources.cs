using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>Rows of a matrix as <see cref="Packing"/> reads them: widened to F32, perhaps changed on the way.</summary>
internal unsafe interface IRowSource<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>Elements k to k + Width of a row.</summary>
    S Load(nint row, nint k);

    /// <summary>Elements k to k + count of a row, then zeros; count is less than Width.</summary>
    S LoadPartial(nint row, nint k, int count);

    /// <summary>Asks for the cache line that holds element k of a row; the address need not exist.</summary>
    void Prefetch(nint row, nint k);
}

/// <summary>F32 as it is.</summary>
internal readonly unsafe struct F32Rows<S>(float* matrix, nint stride) : IRowSource<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>Floats from one row to the next.</summary>
    public nint Stride => stride;

    /// <summary>Address of element k of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Address(nint row, nint k) => matrix + (row * stride) + k;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k) => S.Load(Address(row, k));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S LoadPartial(nint row, nint k, int count) => S.LoadPartial(Address(row, k), count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint row, nint k) => CacheLine.Prefetch(Address(row, k));
}

/// <summary>F16 or BF16, widened.</summary>
internal readonly unsafe struct HalfRows<S, TFormat>(ushort* matrix, nint stride) : IRowSource<S>
    where S : unmanaged, ISimd<S>
    where TFormat : IHalfFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k) => TFormat.Load<S>(matrix + (row * stride) + k);

    public S LoadPartial(nint row, nint k, int count)
    {
        ushort* padded = stackalloc ushort[16];
        new Span<ushort>(padded, 16).Clear();
        Unsafe.CopyBlockUnaligned(padded, matrix + (row * stride) + k, (uint)count * sizeof(ushort));
        return TFormat.Load<S>(padded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint row, nint k) => CacheLine.Prefetch(matrix + (row * stride) + k);
}

/// <summary>A 16-bit float format.</summary>
internal unsafe interface IHalfFormat
{
    static abstract S Load<S>(ushort* source)
        where S : unmanaged, ISimd<S>;

    /// <summary>The columns of a panel whose elements are the lower and the upper half of a word of a step.</summary>
    static abstract (int Low, int High) ColumnsOf<S>(int word)
        where S : unmanaged, ISimd<S>;

    /// <summary>A step of a panel, widened.</summary>
    static abstract void LoadStep<S>(ushort* step, out S left, out S right)
        where S : unmanaged, ISimd<S>;
}

internal readonly unsafe struct F16Format : IHalfFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Load<S>(ushort* source)
        where S : unmanaged, ISimd<S> => S.LoadF16(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (int Low, int High) ColumnsOf<S>(int word)
        where S : unmanaged, ISimd<S> => (2 * word, (2 * word) + 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadStep<S>(ushort* step, out S left, out S right)
        where S : unmanaged, ISimd<S> => (left, right) = (S.LoadF16(step), S.LoadF16(step + S.Width));
}

internal readonly unsafe struct BF16Format : IHalfFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Load<S>(ushort* source)
        where S : unmanaged, ISimd<S> => S.LoadBF16(source);

    // A column of the left vector shares a word with that of the right: one instruction widens each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (int Low, int High) ColumnsOf<S>(int word)
        where S : unmanaged, ISimd<S> => (word, word + S.Width);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadStep<S>(ushort* step, out S left, out S right)
        where S : unmanaged, ISimd<S>
    {
        S words = S.Load((float*)step);
        left = S.LowBFloat16s(words);
        right = S.HighBFloat16s(words);
    }
}

/// <summary>F32 times a factor: the queries of attention.</summary>
internal readonly unsafe struct ScaledRows<S>(float* matrix, nint stride, float factor) : IRowSource<S>
    where S : unmanaged, ISimd<S>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k) => S.Load(matrix + (row * stride) + k) * S.Broadcast(factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S LoadPartial(nint row, nint k, int count) => S.LoadPartial(matrix + (row * stride) + k, count) * S.Broadcast(factor);

    public void Prefetch(nint row, nint k)
    {
    }
}

/// <summary>F32 through a layer normalisation; <paramref name="moments"/> belong to the rows from <paramref name="firstRow"/> on.</summary>
internal readonly unsafe struct NormalizedRows<S>(float* matrix, nint stride, NormOperands norm, RowMoments* moments, nint firstRow) : IRowSource<S>
    where S : unmanaged, ISimd<S>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k) => Normalization.Apply(
        S.Load(matrix + (row * stride) + k), moments[row - firstRow], S.Load(norm.Weight + k), S.Load(norm.Bias + k));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S LoadPartial(nint row, nint k, int count) => Normalization.Apply(
        S.LoadPartial(matrix + (row * stride) + k, count), moments[row - firstRow], S.LoadPartial(norm.Weight + k, count), S.LoadPartial(norm.Bias + k, count));

    public void Prefetch(nint row, nint k)
    {
    }
}
