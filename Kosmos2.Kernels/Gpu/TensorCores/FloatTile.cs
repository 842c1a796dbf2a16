using static Kosmos2.Kernels.Gpu.TensorCores.LaunchGrid;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// How an exact product is cut: a block computes <see cref="Rows"/> x <see cref="Outputs"/> sums, each of its threads <see cref="ThreadRows"/> x
/// <see cref="ThreadOutputs"/> of them in quads that lie as far apart as all threads' quads are wide. Sixteen threads share the outputs, the others the rows.
/// </summary>
/// <param name="Rows">Rows of x, and of y, of a block.</param>
/// <param name="Outputs">Rows of W, columns of y, of a block.</param>
/// <param name="ThreadRows">Rows of a thread.</param>
/// <param name="ThreadOutputs">Outputs of a thread.</param>
/// <param name="Depth">Inputs of a tile in shared memory, 16 or 32: the next tile has as long to come as this one takes.</param>
/// <param name="Beside">Blocks that a multiprocessor has registers for: while one waits at its barrier, another multiplies.</param>
/// <param name="Products">Of a multiprocessor a clock, of at most 128.</param>
internal sealed record FloatTile(int Rows, int Outputs, int ThreadRows, int ThreadOutputs, int Depth, int Beside, int Products)
{
    /// <summary>Rows, or outputs, that a thread takes together; and inputs that it brings together.</summary>
    public const int Quad = 4;

    // Floats between the inputs of a tile, beyond its rows.
    private const int Padding = 4;

    // Products a clock are counted, not measured: instructions, register banks and reads of shared memory of what NVIDIA's assembler makes of the text.
    private static readonly FloatTile[] Tiles = [new(128, 128, 8, 8, 16, 2, 111), new(128, 128, 16, 8, 16, 2, 108), new(64, 64, 4, 4, 32, 3, 96)];

    /// <summary>All tiles, the largest first.</summary>
    public static IReadOnlyList<FloatTile> All => Tiles;

    /// <summary>Threads of a block.</summary>
    public int Threads => Rows / ThreadRows * (Outputs / ThreadOutputs);

    /// <summary>Rows from one quad of a thread to its next.</summary>
    public int RowSpan => Rows / ThreadRows * Quad;

    /// <summary>Outputs from one quad of a thread to its next.</summary>
    public int OutputSpan => Outputs / ThreadOutputs * Quad;

    /// <summary>Rows of an operand of which all threads together bring a tile's inputs, a quad each.</summary>
    public int LinesAtOnce => Threads / (Depth / Quad);

    /// <summary>
    /// Each eight inputs of a tile have their rows in an order of their own: a row's number there is XORed with so much times the number of the eight. The lanes
    /// of a warp, which bring all quads of inputs of a few rows, then meet in no bank.
    /// </summary>
    public int Turn => 128 / Depth;

    /// <summary>Floats from one input of x's tile to the next.</summary>
    public int RowPitch => Rows + Padding;

    /// <summary>Floats from one input of W's tile to the next.</summary>
    public int OutputPitch => Outputs + Padding;

    /// <summary>Bytes of a stage: x's tile [input][row], then W's [input][output].</summary>
    public int StageBytes => Depth * (RowPitch + OutputPitch) * sizeof(float);

    /// <summary>Bytes of shared memory: two stages, one read while the other is filled.</summary>
    public int SharedBytes => 2 * StageBytes;

    /// <summary>Short name: <c>128x128_8x8</c>.</summary>
    public override string ToString() => $"{Rows}x{Outputs}_{ThreadRows}x{ThreadOutputs}";

    /// <summary>Blocks that a product takes.</summary>
    public int Blocks(int rows, int outputs) => checked(Groups(rows, Rows) * Groups(outputs, Outputs));

    /// <summary>The tile with which the busiest multiprocessor is estimated to be ready first.</summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="outputs">Rows of W, of all layers of a launch.</param>
    /// <param name="multiprocessors">Of the device.</param>
    public static FloatTile For(int rows, int outputs, int multiprocessors) => Tiles.MinBy(tile =>
        (double)Groups(tile.Blocks(rows, outputs), multiprocessors) * tile.Rows * tile.Outputs / tile.Products)!;
}
