namespace Kosmos2.Engine.Processing;

/// <summary>One example for <see cref="Kosmos2Processor"/>: a text, a picture, or both.</summary>
public sealed record ProcessorInput
{
    /// <summary>
    /// The prompt, as in <c>&lt;grounding&gt;An image of</c>; <see cref="Prompts"/> has one for each task. White space at its ends is dropped. Null for a
    /// picture alone.
    /// </summary>
    public string? Text { get; init; }

    /// <summary>The picture that stands before the text; null for text alone.</summary>
    public RgbImage? Image { get; init; }

    /// <summary>
    /// Boxes to write behind the text's phrases: one entry for each <c>&lt;phrase&gt;...&lt;/phrase&gt;</c> of a line, in order, holding the phrase's
    /// boxes, none or null for a phrase without. As in <c>[[(79, 1016)], null, [new Box(0, 0, 0.5, 1)]]</c>. Null or empty to leave the text as it is.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<PhraseBox>?>? Boxes { get; init; }
}

/// <summary>A box of a phrase, given as fractions of the picture or as the patches of two of its corners. Both convert implicitly.</summary>
public readonly record struct PhraseBox
{
    private readonly Box? _box;
    private readonly (int UpperLeft, int LowerRight) _patches;

    private PhraseBox(Box? box, (int UpperLeft, int LowerRight) patches)
    {
        _box = box;
        _patches = patches;
    }

    /// <summary>A box as fractions of the picture's width and height.</summary>
    public static implicit operator PhraseBox(Box box) => new(box, default);

    /// <summary>A box as the indices of its upper left and lower right patch.</summary>
    public static implicit operator PhraseBox((int UpperLeft, int LowerRight) patches) => new(null, patches);

    /// <summary>The box's patches on a grid.</summary>
    /// <param name="grid">The grid.</param>
    /// <param name="checkRange">Whether a box that leaves the picture or reaches into no patch, and a patch that the grid does not have, are refused.</param>
    /// <exception cref="ArgumentException">The box is refused, or its corners are out of order.</exception>
    internal (int UpperLeft, int LowerRight) ToIndices(PatchGrid grid, bool checkRange)
    {
        if (_box is { } box)
        {
            if (checkRange && !(box.X1 >= 0 && box.Y1 >= 0 && box.X2 <= 1 && box.Y2 <= 1))
                throw new ArgumentException($"a box is given as fractions of the picture's width and height, from 0 to 1, not {box}");
            (int UpperLeft, int LowerRight) patches = grid.ToIndices(box);
            return checkRange && !grid.Reaches(box)
                ? throw new ArgumentException($"a box must reach into a patch of the {grid.Side} x {grid.Side}, {box} is too small")
                : patches;
        }
        int last = grid.TokenCount - 1;
        return checkRange && !(_patches.UpperLeft >= 0 && _patches.LowerRight >= 0 && _patches.UpperLeft <= last && _patches.LowerRight <= last)
            ? throw new ArgumentException($"there are patches 0 to {last}, not {_patches}")
            : _patches;
    }
}
