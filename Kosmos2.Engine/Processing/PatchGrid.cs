namespace Kosmos2.Engine.Processing;

/// <summary>
/// The grid of patches that boxes are written on. A patch's index counts row by row from the top left corner; a box is two of them, its
/// upper left and its lower right patch. KOSMOS-2 has 32 x 32 patches, <c>&lt;patch_index_0000&gt;</c> to <c>&lt;patch_index_1023&gt;</c>.
/// </summary>
public sealed class PatchGrid
{
    /// <summary>A grid of floor(sqrt(<paramref name="numPatchIndexTokens"/>)) patches a side.</summary>
    /// <param name="numPatchIndexTokens">Hugging Face's num_patch_index_tokens, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one patch.</exception>
    public PatchGrid(int numPatchIndexTokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(numPatchIndexTokens, 1);
        Side = (int)Math.Sqrt(numPatchIndexTokens);
        TokenCount = numPatchIndexTokens;
    }

    /// <summary>The grid of the published model: 1024 tokens, 32 x 32.</summary>
    public static PatchGrid Default { get; } = new(1024);

    /// <summary>Patches along one side.</summary>
    public int Side { get; }

    /// <summary>Number of patch index tokens, num_patch_index_tokens.</summary>
    public int TokenCount { get; }

    /// <summary>
    /// The patches of a box: the one that holds its upper left corner, and the last one that its lower right corner reaches into. An edge on
    /// the line between two patches belongs to the box's side of it. Hugging Face's coordinate_to_patch_index; like it, a box that leaves
    /// the picture is not clamped and gives patches that do not exist.
    /// </summary>
    /// <exception cref="ArgumentException">The corners are out of order, or not numbers of a sensible size.</exception>
    public (int UpperLeft, int LowerRight) ToIndices(Box box)
    {
        if (!(box.X2 > box.X1 && box.Y2 > box.Y1))
            Throw($"a box needs x1 < x2 and y1 < y2, this one is {box}");
        long upperLeft = (Floor(box.Y1) * Side) + Floor(box.X1);
        long lowerRight = (Last(box.Y2) * Side) + Last(box.X2);
        return ((int)upperLeft, (int)lowerRight);

        long Floor(double fraction) => Bounded(Math.Floor(fraction * Side));
        long Last(double fraction) => Bounded(Math.Ceiling((fraction * Side) - 1));

        // Within these bounds both indices fit an int whatever the side (at most 46,340).
        long Bounded(double column)
        {
            if (!(Math.Abs(column) <= 40_000))
                Throw($"a box is given as fractions of the picture's width and height, from 0 to 1, not {box}");
            return (long)column;
        }
    }

    /// <summary>
    /// Whether the lower right corner of a box reaches into a patch at all. One that is as good as on the picture's upper or left edge does not, by the rounding
    /// of <see cref="ToIndices"/>: it would end in a row or a column before the first.
    /// </summary>
    internal bool Reaches(Box box) => (box.X2 * Side) - 1 > -1 && (box.Y2 * Side) - 1 > -1;

    /// <summary>
    /// The box of two patches. When they share a row or a column the box covers them whole; otherwise it goes from centre to centre.
    /// Hugging Face's patch_index_to_coordinate: indices may be out of order or beyond the grid, and the box is then so too.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative index.</exception>
    public Box ToBox(long upperLeft, long lowerRight)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(upperLeft);
        ArgumentOutOfRangeException.ThrowIfNegative(lowerRight);
        double cell = 1.0 / Side;
        (long y1, long x1) = Math.DivRem(upperLeft, Side);
        (long y2, long x2) = Math.DivRem(lowerRight, Side);
        return x1 == x2 || y1 == y2
            ? new Box(x1 * cell, y1 * cell, (x2 * cell) + cell, (y2 * cell) + cell)
            : new Box((x1 * cell) + (cell / 2), (y1 * cell) + (cell / 2), (x2 * cell) + (cell / 2), (y2 * cell) + (cell / 2));
    }

    /// <summary>The token of a patch, as in <c>&lt;patch_index_0044&gt;</c>.</summary>
    internal static string TokenOf(int index) => index >= 0 ? $"<patch_index_{index:D4}>" : $"<patch_index_{index:D3}>";

    private static void Throw(string message) => throw new ArgumentException(message);
}
