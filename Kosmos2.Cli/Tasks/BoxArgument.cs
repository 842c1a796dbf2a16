using System.Globalization;
using Kosmos2.Engine;

namespace Kosmos2.Cli.Tasks;

/// <summary>A box of the command line, <c>x1,y1,x2,y2</c>: fractions of the picture, or pixels where any number is above 1.</summary>
internal readonly record struct BoxArgument(double X1, double Y1, double X2, double Y2)
{
    private bool InPixels => Math.Max(Math.Max(X1, Y1), Math.Max(X2, Y2)) > 1;

    /// <summary>Reads a box.</summary>
    /// <exception cref="UsageException">It is not four numbers, or its corners are out of order.</exception>
    public static BoxArgument Parse(string text)
    {
        string[] parts = text.Split(',');
        double[] numbers = new double[4];
        for (int i = 0; i < 4; i++)
        {
            bool number = parts.Length == 4 && double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]);
            if (!number || !double.IsFinite(numbers[i]))
                throw new UsageException($"--box {text}: four numbers are wanted, as in 0.1,0.2,0.5,0.6 (fractions) or 20,40,120,130 (pixels)");
        }
        var box = new BoxArgument(numbers[0], numbers[1], numbers[2], numbers[3]);
        if (numbers.Min() < 0 || box.X2 <= box.X1 || box.Y2 <= box.Y1)
            throw new UsageException($"--box {text}: the left upper corner comes first, then the right lower one, none of it below 0");
        return box;
    }

    /// <summary>The box as fractions of a picture.</summary>
    /// <exception cref="UsageException">The box leaves the picture.</exception>
    public Box In(RgbImage picture)
    {
        if (!InPixels)
            return new Box(X1, Y1, X2, Y2);
        if (X2 > picture.Width || Y2 > picture.Height)
        {
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture, $"--box {X1},{Y1},{X2},{Y2}: leaves the picture of {picture.Width} x {picture.Height} pixels"));
        }
        return Box.FromPixels(X1, Y1, X2, Y2, picture.Width, picture.Height);
    }
}
