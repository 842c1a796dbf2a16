using System.Globalization;

namespace Kosmos2.Engine;

/// <summary>A rectangle in a picture, as fractions of its width and height; (0, 0) is the top left corner.</summary>
/// <param name="X1">Left edge.</param>
/// <param name="Y1">Top edge.</param>
/// <param name="X2">Right edge.</param>
/// <param name="Y2">Bottom edge.</param>
public readonly record struct Box(double X1, double Y1, double X2, double Y2)
{
    /// <summary>Area as a fraction of the picture's; 0 for a box whose corners are out of order.</summary>
    public double Area => Math.Max(0, X2 - X1) * Math.Max(0, Y2 - Y1);

    /// <summary>A box given in pixels of a picture.</summary>
    /// <param name="x1">Left edge, in pixels.</param>
    /// <param name="y1">Top edge.</param>
    /// <param name="x2">Right edge.</param>
    /// <param name="y2">Bottom edge.</param>
    /// <param name="width">The picture's columns, at least 1.</param>
    /// <param name="height">The picture's rows, at least 1.</param>
    public static Box FromPixels(double x1, double y1, double x2, double y2, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        return new Box(x1 / width, y1 / height, x2 / width, y2 / height);
    }

    /// <summary>Intersection over union, 0 to 1.</summary>
    public double IntersectionOverUnion(Box other)
    {
        double width = Math.Min(X2, other.X2) - Math.Max(X1, other.X1);
        double height = Math.Min(Y2, other.Y2) - Math.Max(Y1, other.Y1);
        if (width <= 0 || height <= 0)
            return 0;
        return width * height / (Area + other.Area - (width * height));
    }

    /// <summary>The box in pixels, unrounded.</summary>
    public Box ToPixels(int width, int height) => new(X1 * width, Y1 * height, X2 * width, Y2 * height);

    /// <summary>As in <c>(0.391, 0.047, 0.984, 0.828)</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"({X1:0.###}, {Y1:0.###}, {X2:0.###}, {Y2:0.###})");
}
