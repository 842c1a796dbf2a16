using System.Runtime.CompilerServices;
using static Kosmos2.Kernels.OperandRules;

namespace Kosmos2.Kernels;

/// <summary>
/// A weight matrix of small integers in host memory: weight[o, i] = (q[o, i] - zero[o, g]) * scale[o, g], where g = i / <see cref="GroupSize"/>.
/// The layout is the compressed-tensors library's, so that a mapped file is used as it lies.
/// </summary>
/// <remarks>Immutable: nobody writes to its tensors. It owns them as far as they own their memory.</remarks>
public sealed class QuantizedMatrix : IDisposable
{
    private const int NibblesPerWord = 8;

    /// <summary>Checks the parts against each other.</summary>
    /// <param name="shape">[out, in].</param>
    /// <param name="bits">8 or 4.</param>
    /// <param name="groupSize">Elements of a row that share a scale, from 1 to in; the last group of a row may be shorter.</param>
    /// <param name="values">
    /// For 8 bits I8 [out, in]; for 4 bits I32 [out, ceil(in / 8)], where element i is nibble i % 8, counted from the lowest, of word i / 8, and
    /// 8 is added to it (so that it is 0 to 15).
    /// </param>
    /// <param name="scales">F32 [out, groups].</param>
    /// <param name="zeroPoints">I8 [out, groups], or null when all are 0.</param>
    /// <exception cref="ArgumentException">The parts do not fit each other, or are not in host memory.</exception>
    public QuantizedMatrix(Shape shape, int bits, int groupSize, Tensor values, Tensor scales, Tensor? zeroPoints = null)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(scales);
        Require(shape.Rank == 2, shape, "a matrix [out, in]");
        Require(bits is 4 or 8, bits, "4 or 8 bits");
        Require(groupSize >= 1 && groupSize <= Math.Max(shape[1], 1), groupSize, $"a group of 1 to {shape[1]} elements");
        Shape = shape;
        Bits = bits;
        GroupSize = groupSize;
        Groups = checked((int)((shape[1] + groupSize - 1) / groupSize));
        Part(values, bits == 8 ? DType.I8 : DType.I32, shape[0], bits == 8 ? shape[1] : PackedWidth(shape[1]));
        Part(scales, DType.F32, shape[0], Groups);
        if (zeroPoints is not null)
            Part(zeroPoints, DType.I8, shape[0], Groups);
        Values = values;
        Scales = scales;
        ZeroPoints = zeroPoints;
    }

    /// <summary>[out, in].</summary>
    public Shape Shape { get; }

    /// <summary>Bits of an element: 8 or 4.</summary>
    public int Bits { get; }

    /// <summary>Elements of a row that share a scale; in for one scale a row.</summary>
    public int GroupSize { get; }

    /// <summary>Groups of a row: ceil(in / <see cref="GroupSize"/>).</summary>
    public int Groups { get; }

    /// <summary>I8 [out, in], or I32 [out, ceil(in / 8)] with eight elements in a word, as the constructor says.</summary>
    public Tensor Values { get; }

    /// <summary>F32 [out, groups].</summary>
    public Tensor Scales { get; }

    /// <summary>I8 [out, groups], or null when all are 0.</summary>
    public Tensor? ZeroPoints { get; }

    /// <summary>Bytes of values, scales and zero points together.</summary>
    public long ByteLength => Values.ByteLength + Scales.ByteLength + (ZeroPoints?.ByteLength ?? 0);

    /// <summary>Words of a packed row of 4-bit elements.</summary>
    /// <param name="width">Elements of the row.</param>
    internal static long PackedWidth(long width) => (width + NibblesPerWord - 1) / NibblesPerWord;

    /// <summary>The integers of a row, zero points not yet taken off: -128 to 127 or -8 to 7.</summary>
    /// <param name="row">From 0 to out - 1.</param>
    /// <param name="destination">Length in.</param>
    internal unsafe void ReadIntegers(int row, Span<sbyte> destination)
    {
        CheckRow(row, destination.Length);
        byte* source = Values.HostPointer + (row * (Values.ByteLength / Math.Max(Shape[0], 1)));
        for (int i = 0; i < destination.Length; i++)
            destination[i] = Bits == 8 ? (sbyte)source[i] : (sbyte)(((source[i >> 1] >> ((i & 1) * 4)) & 15) - 8);
    }

    /// <summary>The weights of a row as compressed-tensors computes them in F32: (q - zero) * scale, rounded once.</summary>
    /// <param name="row">From 0 to out - 1.</param>
    /// <param name="destination">Length in.</param>
    [SkipLocalsInit]
    public unsafe void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination.Length);
        const int Piece = 256;
        Span<sbyte> integers = destination.Length <= Piece ? stackalloc sbyte[Piece] : new sbyte[destination.Length];
        ReadIntegers(row, integers[..destination.Length]);
        byte* scales = Scales.HostPointer + ((long)row * Groups * sizeof(float));
        for (int g = 0; g < Groups; g++)
        {
            float scale = Unsafe.ReadUnaligned<float>(scales + (g * (long)sizeof(float)));
            int zero = ZeroPoints is null ? 0 : (sbyte)ZeroPoints.HostPointer[((long)row * Groups) + g];
            int end = (int)Math.Min((long)(g + 1) * GroupSize, destination.Length);
            for (int i = g * GroupSize; i < end; i++)
                destination[i] = (integers[i] - zero) * scale;
        }
    }

    /// <summary>Frees the tensors that own their memory.</summary>
    public void Dispose()
    {
        Values.Dispose();
        Scales.Dispose();
        ZeroPoints?.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Bits}-bit {Shape} in groups of {GroupSize}";

    private static void Part(Tensor part, DType type, long rows, long width, [CallerArgumentExpression(nameof(part))] string name = "")
    {
        Require(part.DType == type && part.Shape.Rank == 2 && part.Shape[0] == rows && part.Shape[1] == width, part, $"{type} [{rows}, {width}]", name);
        Require(part.IsHost, part, "host memory", name);
    }

    private void CheckRow(int row, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Shape[0]);
        Require(length == Shape[1], length, $"room for {Shape[1]} elements");
    }
}
