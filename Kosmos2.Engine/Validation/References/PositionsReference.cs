using System.Globalization;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Validation;

/// <summary>sinusoidal_positions.safetensors: the decoder's table of positions in several widths, each [positions, width], row 1 that of padding.</summary>
internal sealed class PositionsReference : IReferenceKind
{
    // One sine in a million is rounded the other way by another mathematics library.
    private const float Tolerance = 2e-7f;

    public bool Knows(string path) => Path.GetFileName(path) == "sinusoidal_positions.safetensors";

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        using GoldenFile golden = GoldenFile.Open(path);
        var tally = new Tally(context.NameOf(path));
        foreach (string name in golden.Names.Order(StringComparer.Ordinal))
        {
            Shape shape = golden.ShapeOf(name);
            tally.Add(name, Compare(golden.Floats(name), shape.Rows, shape.Width));
        }
        return [tally.Result()];
    }

    private static string? Compare(float[] expected, int rows, int width)
    {
        float[] found = SinusoidalPositions.Compute(rows, width, paddingRow: 1);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(found[i] - expected[i]) <= Tolerance))
                return string.Create(CultureInfo.InvariantCulture, $"position {i / width}, column {i % width} is {found[i]}, the reference has {expected[i]}");
        }
        return null;
    }
}
