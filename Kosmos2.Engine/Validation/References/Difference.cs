using System.Globalization;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>Says in a few words where two things that should be equal are not; null where they are.</summary>
internal static class Difference
{
    private const int Shown = 24;

    /// <summary>Two lists.</summary>
    public static string? Between<T>(string what, ReadOnlySpan<T> found, ReadOnlySpan<T> expected)
        where T : IEquatable<T>
    {
        int same = found.CommonPrefixLength(expected);
        if (same < Math.Min(found.Length, expected.Length))
            return string.Create(CultureInfo.InvariantCulture, $"{what}[{same}] is {found[same]}, the reference has {expected[same]}");
        return found.Length == expected.Length ? null : $"{what} has {found.Length} values, the reference {expected.Length}";
    }

    /// <summary>Rows of numbers; null for none at all.</summary>
    public static string? Between(string what, int[][]? found, int[][]? expected)
    {
        if (found is null || expected is null)
            return found == expected ? null : $"{what} {(found is null ? "is missing" : "is there, and not in the reference")}";
        if (found.Length != expected.Length)
            return $"{what} has {found.Length} rows, the reference {expected.Length}";
        return found.Select((row, i) => Between<int>($"{what}[{i}]", row, expected[i])).FirstOrDefault(difference => difference is not null);
    }

    /// <summary>Two texts.</summary>
    public static string? Between(string what, string found, string expected)
    {
        int same = found.AsSpan().CommonPrefixLength(expected);
        return same == found.Length && same == expected.Length ? null : $"{what} is {From(found)}, the reference has {From(expected)}{(same > Shown / 2 ? $" from character {same} on" : "")}";

        string From(string text)
        {
            int start = same > Shown / 2 ? same : 0;
            return Kosmos2FormatException.Quote(text[start..]);
        }
    }
}
