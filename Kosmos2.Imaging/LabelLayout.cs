using SkiaSharp;

namespace Kosmos2.Imaging;

/// <summary>
/// Finds places for labels: beside their boxes where there is room, inside the picture always, never over another label, and over other boxes'
/// edges only where nothing else is left.
/// </summary>
internal sealed class LabelLayout(int width, int height, IReadOnlyList<SKRectI> boxes)
{
    // Places beside or in the box; if one of them is free, no other is sought.
    private const int Preferred = 10;

    private readonly List<SKRectI> _placed = [];

    /// <summary>The labels placed so far.</summary>
    public IReadOnlyList<SKRectI> Placed => _placed;

    /// <summary>Places a label of a size at a box; null where the picture has no free place of that size.</summary>
    public SKRectI? Place(SKRectI box, int labelWidth, int labelHeight)
    {
        SKRectI? best = null;
        double least = double.MaxValue;
        int rank = 0;
        foreach ((int x, int y) in Beside(box, labelWidth, labelHeight))
        {
            Consider(x, y, 0.2 * rank++);
            if (rank == Preferred && best is not null)
                break;
        }
        if (best is null)
            SearchEverywhere();
        if (best is not null)
            _placed.Add(best.Value);
        return best;

        void Consider(int x, int y, double handicap)
        {
            var label = SKRectI.Create(x, y, labelWidth, labelHeight);
            if (x < 0 || y < 0 || label.Right > width || label.Bottom > height || _placed.Any(other => other.IntersectsWith(label)))
                return;
            double cost = handicap + Hidden(label, box);
            if (cost < least)
                (best, least) = (label, cost);
        }

        void SearchEverywhere()
        {
            int step = Math.Max(1, labelHeight / 3);
            for (int y = 0; y + labelHeight <= height; y += step)
            {
                for (int x = 0; x + labelWidth <= width; x += step)
                {
                    double dx = Math.Max(0, Math.Max(box.Left - x - labelWidth, x - box.Right));
                    double dy = Math.Max(0, Math.Max(box.Top - y - labelHeight, y - box.Bottom));
                    Consider(x, y, (dx + dy) / labelHeight);
                }
            }
        }
    }

    // In order of preference. Outside above and below first; then inside the box, where it hides a little of the thing itself.
    private IEnumerable<(int X, int Y)> Beside(SKRectI box, int labelWidth, int labelHeight)
    {
        int left = Math.Clamp(box.Left, 0, Math.Max(0, width - labelWidth));
        int right = Math.Clamp(box.Right - labelWidth, 0, Math.Max(0, width - labelWidth));
        int top = Math.Clamp(box.Top, 0, Math.Max(0, height - labelHeight));
        yield return (left, box.Top - labelHeight);
        yield return (left, box.Bottom);
        yield return (right, box.Top - labelHeight);
        yield return (right, box.Bottom);
        yield return (box.Right, top);
        yield return (box.Left - labelWidth, top);
        yield return (left, box.Top);
        yield return (left, box.Bottom - labelHeight);
        yield return (right, box.Top);
        yield return (right, box.Bottom - labelHeight);
    }

    // How much a label hides, in shares of its own area: of other boxes fully, of its own box half.
    private double Hidden(SKRectI label, SKRectI own)
    {
        double area = (double)label.Width * label.Height, hidden = 0;
        foreach (SKRectI box in boxes)
        {
            SKRectI common = SKRectI.Intersect(label, box);
            if (common.Width > 0 && common.Height > 0)
                hidden += (box == own ? 0.5 : 1) * common.Width * common.Height / area;
        }
        return hidden;
    }
}
