using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>How rows become bytes for the products of 8-bit weights.</summary>
internal unsafe interface IByteRows
{
    /// <summary>Inputs that share a scale in each row; at most 128, a multiple of 16.</summary>
    static abstract int GroupInputs { get; }

    /// <summary>Factor to and from the integers of a group.</summary>
    static abstract (float Inverse, float Scale) Range<S>(float* row, int inputs)
        where S : unmanaged, ISimd<S>;

    /// <summary>As <see cref="IProductFormat.PanelsTogether"/>.</summary>
    static abstract int PanelsTogether<S>(int rows)
        where S : unmanaged, ISimd<S>;
}

/// <summary>All of -127 to 127: what vpdpbusd sums in 32 bits.</summary>
internal readonly unsafe struct PlainBytes : IByteRows
{
    public const int Inputs = 128;

    /// <summary>Words of four inputs in a group.</summary>
    public const int Words = Inputs / 4;

    public static int GroupInputs => Inputs;

    public static (float Inverse, float Scale) Range<S>(float* row, int inputs)
        where S : unmanaged, ISimd<S> => IntegerRows<S>.Range(row, inputs);

    public static int PanelsTogether<S>(int rows)
        where S : unmanaged, ISimd<S> => 0;
}

/// <summary>
/// Of -127 to 127, the two of a pair, neighbours, adding up to -128 to 128 at most: then both products of a pair with weights of 0 to 255 fit in 16 bits, and vpmaddubsw,
/// which every machine has, is exact. Groups of 64 make up for what this takes from the bytes' range.
/// </summary>
internal readonly unsafe struct PairedBytes : IByteRows
{
    public const int Inputs = 64;

    /// <summary>Words of four inputs in a group.</summary>
    public const int Words = Inputs / 4;

    public static int GroupInputs => Inputs;

    public static (float Inverse, float Scale) Range<S>(float* row, int inputs)
        where S : unmanaged, ISimd<S> => IntegerRows<S>.RangeOfPairs(row, inputs);

    public static int PanelsTogether<S>(int rows)
        where S : unmanaged, ISimd<S> => IntegerStream<S>.PanelsFor(rows);
}
