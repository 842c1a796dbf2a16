using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>A <see cref="QuantizedMatrix"/> as pointers.</summary>
internal readonly unsafe struct QuantizedOperands
{
    private const int WidestVector = 16;

    /// <summary>Bytes from one row of values to the next.</summary>
    public readonly nint RowBytes;

    /// <summary>Null where only the scales are read.</summary>
    public readonly byte* Values;

    /// <summary>[rows, Groups].</summary>
    public readonly float* Scales;

    /// <summary>[rows, Groups], or null.</summary>
    public readonly sbyte* Zeros;

    public readonly int Groups;
    public readonly int GroupSize;

    /// <summary>element >> GroupShift is the group of a vector's elements; negative when a vector may lie in several.</summary>
    public readonly int GroupShift;

    public QuantizedOperands(QuantizedMatrix matrix, bool readsValues = true)
    {
        Values = readsValues ? matrix.Values.HostPointer : null;
        RowBytes = (nint)(matrix.Values.ByteLength / Math.Max(matrix.Shape[0], 1));
        Scales = (float*)matrix.Scales.HostPointer;
        Zeros = matrix.ZeroPoints is null ? null : (sbyte*)matrix.ZeroPoints.HostPointer;
        Groups = matrix.Groups;
        GroupSize = matrix.GroupSize;
        GroupShift = Groups == 1 ? 31 : GroupSize >= WidestVector && BitOperations.IsPow2(GroupSize) ? BitOperations.Log2((uint)GroupSize) : -1;
    }
}

/// <summary>
/// Small integers widened to the weights they stand for: (q - zero) * scale, rounded once, so exactly what compressed-tensors dequantizes to. Reads
/// begin at multiples of the vector's width.
/// </summary>
internal readonly unsafe struct QuantizedRows<S, TFormat>(QuantizedOperands matrix) : IRowSource<S>
    where S : unmanaged, ISimd<S>
    where TFormat : IIntegerFormat
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public S Load(nint row, nint k)
    {
        if (matrix.GroupShift < 0)
            return LoadPartial(row, k, S.Width);
        nint group = (row * matrix.Groups) + (k >> matrix.GroupShift);
        float zero = TFormat.Offset + (matrix.Zeros == null ? 0 : matrix.Zeros[group]);
        S integers = S.Widen(TFormat.Load(matrix.Values + (row * matrix.RowBytes), k, S.Width));
        return (integers - S.Broadcast(zero)) * S.Broadcast(Unsafe.ReadUnaligned<float>(matrix.Scales + group));
    }

    public S LoadPartial(nint row, nint k, int count)
    {
        float* scales = stackalloc float[32];
        float* zeros = scales + 16;
        new Span<float>(scales, 32).Clear();
        for (int i = 0; i < count; i++)
        {
            nint group = (row * matrix.Groups) + ((k + i) / matrix.GroupSize);
            scales[i] = Unsafe.ReadUnaligned<float>(matrix.Scales + group);
            zeros[i] = TFormat.Offset + (matrix.Zeros == null ? 0 : matrix.Zeros[group]);
        }
        return (S.Widen(TFormat.Load(matrix.Values + (row * matrix.RowBytes), k, count)) - S.Load(zeros)) * S.Load(scales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint row, nint k) => CacheLine.Prefetch(matrix.Values + (row * matrix.RowBytes) + TFormat.BytesBefore(k));
}

/// <summary>How small integers lie in a row.</summary>
internal unsafe interface IIntegerFormat
{
    /// <summary>What is added to a stored integer.</summary>
    static abstract int Offset { get; }

    /// <summary>Bytes that the first k elements of a row take.</summary>
    static abstract nint BytesBefore(nint k);

    /// <summary>Elements k to k + count (at most 16) of a row as stored, then zeros; nothing past them is touched.</summary>
    static abstract Vector128<sbyte> Load(byte* row, nint k, int count);
}

/// <summary>One byte each.</summary>
internal readonly unsafe struct I8Format : IIntegerFormat
{
    public static int Offset => 0;

    public static nint BytesBefore(nint k) => k;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Load(byte* row, nint k, int count) => count switch
    {
        16 => Vector128.Load((sbyte*)row + k),
        8 => Vector128.CreateScalar(Unsafe.ReadUnaligned<ulong>(row + k)).AsSByte(),
        4 => Vector128.CreateScalar(Unsafe.ReadUnaligned<uint>(row + k)).AsSByte(),
        1 => Vector128.CreateScalar((sbyte)row[k]),
        _ => LoadFew(row + k, count),
    };

    private static Vector128<sbyte> LoadFew(byte* source, int count)
    {
        Vector128<sbyte> padded = default;
        Unsafe.CopyBlockUnaligned(&padded, source, (uint)count);
        return padded;
    }
}

/// <summary>Half a byte each, the lower half first, 8 added.</summary>
internal readonly unsafe struct I4Format : IIntegerFormat
{
    public static int Offset => 8;

    public static nint BytesBefore(nint k) => k >> 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<sbyte> Load(byte* row, nint k, int count) => count switch
    {
        16 => Vector128.Create(Spread(Unsafe.ReadUnaligned<uint>(row + (k >> 1))), Spread(Unsafe.ReadUnaligned<uint>(row + (k >> 1) + 4))).AsSByte(),
        8 => Vector128.CreateScalar(Spread(Unsafe.ReadUnaligned<uint>(row + (k >> 1)))).AsSByte(),
        4 => Vector128.CreateScalar(Spread(Unsafe.ReadUnaligned<ushort>(row + (k >> 1)))).AsSByte(),
        _ => LoadFew(row, k, count),
    };

    private static Vector128<sbyte> LoadFew(byte* row, nint k, int count)
    {
        Vector128<sbyte> padded = default;
        for (int i = 0; i < count; i++)
            ((sbyte*)&padded)[i] = (sbyte)((row[(k + i) >> 1] >> (int)(((k + i) & 1) * 4)) & 15);
        return padded;
    }

    // Eight halves of bytes become eight bytes: each step doubles the distance of the parts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Spread(uint nibbles)
    {
        ulong x = nibbles;
        x = (x | (x << 16)) & 0x0000FFFF0000FFFF;
        x = (x | (x << 8)) & 0x00FF00FF00FF00FF;
        return (x | (x << 4)) & 0x0F0F0F0F0F0F0F0F;
    }
}
