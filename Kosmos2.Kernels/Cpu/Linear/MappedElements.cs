using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>A type of weight as <see cref="MappedTile{TElement, TRows}"/> reads it: one or two elements in a 32-bit word.</summary>
internal unsafe interface IMappedElement
{
    /// <summary>Elements of a word.</summary>
    static abstract int PerWord { get; }

    /// <summary>The first element of each word, widened.</summary>
    static abstract Simd256 First(Vector256<uint> words);

    /// <summary>The second; only of words that have one.</summary>
    static abstract Simd256 Second(Vector256<uint> words);

    /// <summary>One element, widened.</summary>
    static abstract float Single(void* element);
}

internal readonly unsafe struct MappedF32 : IMappedElement
{
    public static int PerWord => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 First(Vector256<uint> words) => new(words.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Second(Vector256<uint> words) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Single(void* element) => Unsafe.ReadUnaligned<float>(element);
}

internal readonly unsafe struct MappedBF16 : IMappedElement
{
    public static int PerWord => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 First(Vector256<uint> words) => new((words << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Second(Vector256<uint> words) => new((words & Vector256.Create(0xFFFF_0000u)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Single(void* element) => BitConverter.Int32BitsToSingle(Unsafe.ReadUnaligned<ushort>(element) << 16);
}

internal readonly unsafe struct MappedF16 : IMappedElement
{
    public static int PerWord => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 First(Vector256<uint> words) => new(HalfBits.ToSingle(words & Vector256.Create(0xFFFFu)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Simd256 Second(Vector256<uint> words) => new(HalfBits.ToSingle(words >>> 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Single(void* element) => (float)Unsafe.ReadUnaligned<Half>(element);
}
