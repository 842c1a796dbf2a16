using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>A row of a packed weight read back out of its panels, so that an embedding that is the head too need not be kept twice.</summary>
internal static unsafe class PanelRow
{
    /// <summary>Whether panels of a format hold the very weights. Those of 4 bits have rounded scales.</summary>
    public static bool IsExact(ProductFormat format) => format != ProductFormat.Int4;

    /// <summary>Widens a row as its source would be.</summary>
    /// <param name="weight">The weight, all of its panels written.</param>
    /// <param name="row">Which output.</param>
    /// <param name="destination">[Inputs].</param>
    public static void Read<S>(in LinearOperands weight, int row, float* destination)
        where S : unmanaged, ISimd<S>
    {
        switch (weight.Format)
        {
            case ProductFormat.BFloat16:
                ReadPairs((ushort*)Column<Simd512, BFloat16Format<Simd512>>(weight, row), weight.Inputs, destination);
                break;
            case ProductFormat.WidenedBFloat16:
                ReadHalves<S, BF16Format>(PanelOf<S, HalfFormat<S, BF16Format>>(weight, row), row % Panel<S>.Width, weight.Inputs, destination);
                break;
            case ProductFormat.WidenedFloat16:
                ReadHalves<S, F16Format>(PanelOf<S, HalfFormat<S, F16Format>>(weight, row), row % Panel<S>.Width, weight.Inputs, destination);
                break;
            case ProductFormat.Int8:
                ReadBytes<S>((byte*)Column<S, Int8Format<S, PlainBytes>>(weight, row), weight, row, destination);
                break;
            case ProductFormat.PairedInt8:
                ReadBytes<S>((byte*)Column<S, Int8Format<S, PairedBytes>>(weight, row), weight, row, destination);
                break;
            default:
                float* column = Column<S, Float32Format<S>>(weight, row);
                for (int k = 0; k < weight.Inputs; k++)
                    destination[k] = column[k * Panel<S>.Width];
                break;
        }
    }

    private static float* PanelOf<S, TFormat>(in LinearOperands weight, int row)
        where S : unmanaged, ISimd<S>
        where TFormat : IProductFormat => weight.Panels + ((nint)(row / Panel<S>.Width) * ProductSteps.Of<TFormat>(weight.Inputs) * TFormat.PanelWords);

    // Where a word is an output's: words of it follow each other at the panel's width.
    private static float* Column<S, TFormat>(in LinearOperands weight, int row)
        where S : unmanaged, ISimd<S>
        where TFormat : IProductFormat => PanelOf<S, TFormat>(weight, row) + (row % Panel<S>.Width);

    // Words of two inputs.
    private static void ReadPairs(ushort* column, int inputs, float* destination)
    {
        for (int k = 0; k < inputs; k++)
            destination[k] = BFloat16.FromBits(column[(k / 2 * 2 * Panel<Simd512>.Width) + (k % 2)]);
    }

    // Words of two outputs; a step at a time is widened, and one of its floats taken.
    private static void ReadHalves<S, THalf>(float* panel, int column, int inputs, float* destination)
        where S : unmanaged, ISimd<S>
        where THalf : IHalfFormat
    {
        float* step = stackalloc float[Panel<S>.Width];
        for (int k = 0; k < inputs; k++)
        {
            THalf.LoadStep((ushort*)panel + ((nint)k * Panel<S>.Width), out S left, out S right);
            left.Store(step);
            right.Store(step + S.Width);
            destination[k] = step[column];
        }
    }

    // Words of four inputs, 128 added to each.
    private static void ReadBytes<S>(byte* column, in LinearOperands weight, int row, float* destination)
        where S : unmanaged, ISimd<S>
    {
        float scale = weight.Weight.Integers.Scales[row];
        for (int k = 0; k < weight.Inputs; k++)
            destination[k] = (sbyte)(column[(k / 4 * 4 * Panel<S>.Width) + (k % 4)] ^ 128) * scale;
    }
}
