namespace Kosmos2.Engine.Validation;

/// <summary>Compares token ids with a reference's.</summary>
internal static class TokenComparison
{
    /// <summary>A token whose lead over the second is smaller may come out otherwise when sums run in another order.</summary>
    public const double DecidedLead = 1e-4;

    /// <summary>Equal, or different where the reference itself was undecided.</summary>
    /// <param name="name">The case.</param>
    /// <param name="actual">What was generated.</param>
    /// <param name="expected">The reference.</param>
    /// <param name="smallestLead">The least lead of a reference token over the second.</param>
    public static CaseResult Compare(string name, ReadOnlySpan<int> actual, ReadOnlySpan<int> expected, double smallestLead = double.MaxValue)
    {
        int same = actual.CommonPrefixLength(expected);
        if (same == actual.Length && same == expected.Length)
            return new CaseResult(name, true, null);
        string found = same < actual.Length ? $"{actual[same]}" : "the end", wanted = same < expected.Length ? $"{expected[same]}" : "the end";
        bool undecided = smallestLead < DecidedLead;
        return new CaseResult(name, undecided, $"token {same} is {found}, the reference has {wanted}{(undecided ? $", but led by {smallestLead:g2} only" : "")}");
    }
}
