using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary>
/// A <see cref="CacheFormat"/> as the CPU writes and reads it. A head's part of a block is laid out as <see cref="KeyValueBlocks.Keys"/> says: the scales, if there are any, then
/// the elements: values slot by slot, as they are added up, and keys element by element, so that a vector is the same element of neighbouring keys and a
/// query's scores come out side by side.
/// </summary>
internal unsafe interface ICachedFormat
{
    /// <summary>Bytes of an element.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>Bytes of the scales that a head's part begins with, whole cache lines; or 0.</summary>
    static abstract int ScaleBytes { get; }

    /// <summary>Encodes a row.</summary>
    /// <param name="row">[headSize].</param>
    /// <param name="elements">[headSize].</param>
    /// <param name="headSize">Width of a head.</param>
    /// <returns>The row's scale, where there are scales.</returns>
    static abstract float Encode(float* row, byte* elements, int headSize);

    /// <summary>Elements of one slot, widened: <paramref name="count"/> of them, at most a vector, then zeros.</summary>
    /// <param name="elements">The first of them.</param>
    /// <param name="scale">The slot's scale, where there are scales.</param>
    /// <param name="count">How many.</param>
    static abstract S LoadSlot<S>(byte* elements, float* scale, int count)
        where S : unmanaged, ISimd<S>;

    /// <summary>The same element of as many slots as a vector has lanes, widened.</summary>
    /// <param name="elements">That of the first slot.</param>
    /// <param name="scales">The slots' scales, where there are scales.</param>
    static abstract S LoadSlots<S>(byte* elements, float* scales)
        where S : unmanaged, ISimd<S>;
}
