using System.Globalization;

namespace Kosmos2.Engine.Validation;

/// <summary>How one stage of the model compares with its reference.</summary>
/// <param name="Name">The reference tensor's name.</param>
/// <param name="Values">Numbers compared.</param>
/// <param name="MaxAbsolute">Largest |a - b|.</param>
/// <param name="MaxRelative">Largest |a - b| / |b| over the values with |b| of at least a thousandth of the largest |b|.</param>
/// <param name="Cosine">Cosine of the angle between the two as vectors, 1 for equal directions.</param>
/// <param name="OutOfTolerance">Values farther off than the tolerance allows, NaN among them.</param>
public sealed record StageResult(string Name, long Values, double MaxAbsolute, double MaxRelative, double Cosine, long OutOfTolerance)
{
    /// <summary>Whether every value is within tolerance.</summary>
    public bool Passed => OutOfTolerance == 0 && Values > 0;

    /// <summary>The first value out of tolerance, with what the reference has there, or what else is wrong; null when the stage passed.</summary>
    public string? Difference { get; init; }

    /// <summary>Compares values with a reference.</summary>
    /// <param name="name">The stage.</param>
    /// <param name="actual">What was computed.</param>
    /// <param name="expected">The reference; a different length makes every value count as out of tolerance.</param>
    /// <param name="tolerance">What is allowed.</param>
    /// <param name="rowCompared">For each row of <paramref name="width"/> values, whether it is defined; null for all.</param>
    /// <param name="width">Length of a row.</param>
    internal static StageResult Compare(
        string name, ReadOnlySpan<float> actual, ReadOnlySpan<double> expected, Tolerance tolerance, Func<int, bool>? rowCompared = null, int width = 1)
    {
        if (actual.Length != expected.Length)
        {
            return new StageResult(name, Math.Max(1, expected.Length), double.NaN, double.NaN, double.NaN, Math.Max(1, expected.Length))
            {
                Difference = $"it has {actual.Length} values, the reference {expected.Length}",
            };
        }
        double largest = 0, squares = 0;
        foreach (double b in expected)
        {
            largest = Math.Max(largest, Math.Abs(b));
            squares += b * b;
        }
        double allowance = tolerance.Absolute + (tolerance.Scaled * Math.Sqrt(squares / Math.Max(1, expected.Length)));

        long values = 0, outside = 0;
        int first = -1;
        double maxAbsolute = 0, maxRelative = 0, dot = 0, normA = 0, normB = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (rowCompared is not null && !rowCompared(i / width))
                continue;
            double a = actual[i], b = expected[i], difference = Math.Abs(a - b);
            values++;
            if (!(difference <= allowance + (tolerance.Relative * Math.Abs(b))))
            {
                outside++;
                first = first < 0 ? i : first;
            }
            maxAbsolute = Math.Max(maxAbsolute, difference);
            if (Math.Abs(b) >= largest * 1e-3 && b != 0)
                maxRelative = Math.Max(maxRelative, difference / Math.Abs(b));
            dot += a * b;
            normA += a * a;
            normB += b * b;
        }
        double cosine = normA == 0 && normB == 0 ? 1 : dot / Math.Sqrt(normA * normB);
        string? off = first < 0 ? null : string.Create(
            CultureInfo.InvariantCulture, $"value {first} is {actual[first]}, the reference has {expected[first]}; {outside} of {values} values are out of tolerance, by up to {maxAbsolute:g2}");
        return new StageResult(name, values, maxAbsolute, maxRelative, cosine, outside) { Difference = off ?? (values > 0 ? null : "no value of it is defined") };
    }
}

/// <summary>How one generation case compares with its reference.</summary>
/// <param name="Name">The case.</param>
/// <param name="Passed">Whether everything that is defined is equal.</param>
/// <param name="Difference">The first difference, or null.</param>
public sealed record CaseResult(string Name, bool Passed, string? Difference);
