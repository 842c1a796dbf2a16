using System.Runtime.Intrinsics;

namespace Kosmos2.Kernels.Cpu.Simd;

/// <summary>
/// A vector of floats of one width. Every kernel is written once, generic over this interface, and compiled by the runtime for each
/// width: the implementing structs are as wide as a register, and each member is one to three instructions.
/// </summary>
/// <remarks>
/// Loads and stores need no alignment. <see cref="MultiplyAdd"/> is fused on every machine that can, so the order of operations alone
/// decides a result, not the width.
/// </remarks>
internal unsafe partial interface ISimd<TSelf>
    where TSelf : unmanaged, ISimd<TSelf>
{
    /// <summary>Lanes: 16, 8, 4 or 1.</summary>
    static abstract int Width { get; }

    /// <summary>Rows of the matmul's register tile: as many as leave room for two columns of vectors, a pair of operands and a broadcast.</summary>
    static abstract int TileRows { get; }

    static abstract TSelf Broadcast(float value);

    static abstract TSelf Load(float* source);

    /// <summary>The first <paramref name="count"/> lanes (0 to Width) from memory, the others 0; nothing past them is touched.</summary>
    static abstract TSelf LoadPartial(float* source, int count);

    /// <summary>Width IEEE half floats, widened.</summary>
    static abstract TSelf LoadF16(ushort* source);

    /// <summary>Width bfloat16s, widened.</summary>
    static abstract TSelf LoadBF16(ushort* source);

    /// <summary>The first Width integers, as floats.</summary>
    static abstract TSelf Widen(Vector128<sbyte> integers);

    void Store(float* destination);

    /// <summary>Stores the first <paramref name="count"/> lanes (0 to Width); nothing past them is touched.</summary>
    void StorePartial(float* destination, int count);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    static abstract TSelf operator /(TSelf a, TSelf b);

    /// <summary>a b + c.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The larger of each pair; <paramref name="b"/> where either is NaN or both are 0, or NaN.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The smaller of each pair; <paramref name="b"/> where either is NaN or both are 0, or NaN.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    static abstract TSelf Abs(TSelf a);

    /// <summary>To the nearest integer, halves to even.</summary>
    static abstract TSelf Round(TSelf a);

    /// <summary>2^n for whole n from -126 to 127.</summary>
    static abstract TSelf PowerOfTwo(TSelf n);

    /// <summary>Where a is below 0: <paramref name="negative"/>, elsewhere <paramref name="other"/> (also for -0 and NaN).</summary>
    static abstract TSelf IfNegative(TSelf a, TSelf negative, TSelf other);

    /// <summary>Whether any lane of a is larger than its partner of b.</summary>
    static abstract bool AnyGreater(TSelf a, TSelf b);

    /// <summary>Sum of the lanes, in an order that depends on the width only.</summary>
    static abstract float Sum(TSelf a);

    static abstract float MaxLane(TSelf a);

    /// <summary>
    /// Transposes a Width x Width tile: destination[k][lane] = source[lane][k].
    /// </summary>
    /// <param name="source">Row <c>lane</c> begins at source + lane * sourceStride.</param>
    /// <param name="sourceStride">In floats.</param>
    /// <param name="destination">Row <c>k</c> begins at destination + k * destinationStride.</param>
    /// <param name="destinationStride">In floats.</param>
    static abstract void Transpose(float* source, nint sourceStride, float* destination, nint destinationStride);
}
