namespace Kosmos2.Weights;

/// <summary>
/// What a picture is resized to: exactly a height and width, whatever its proportions, or so that its shorter side has a given length and the
/// proportions stay.
/// </summary>
public readonly record struct ResizeTarget
{
    private ResizeTarget(int? shortestEdge, int height, int width)
    {
        ShortestEdge = shortestEdge;
        Height = height;
        Width = width;
    }

    /// <summary>Length of the shorter side in pixels, or null when height and width are given.</summary>
    public int? ShortestEdge { get; }

    /// <summary>Height in pixels; 0 when the shorter side is given.</summary>
    public int Height { get; }

    /// <summary>Width in pixels; 0 when the shorter side is given.</summary>
    public int Width { get; }

    /// <summary>A height and width, each at least 1.</summary>
    public static ResizeTarget Exactly(int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        return new(null, height, width);
    }

    /// <summary>A length of the shorter side, at least 1.</summary>
    public static ResizeTarget ShorterSide(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        return new(length, 0, 0);
    }
}
