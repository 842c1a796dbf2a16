using static System.FormattableString;

namespace Kosmos2.Engine.Measurement;

/// <summary>A figure and what is asked of it.</summary>
/// <param name="What">What is measured.</param>
/// <param name="Figure">The figure, in <paramref name="Unit"/>.</param>
/// <param name="Limit">What it should reach, in the same.</param>
/// <param name="Unit">Stands behind the numbers.</param>
/// <param name="IsCeiling">Whether it should stay below the limit instead.</param>
internal sealed record Bar(string What, Measured<double> Figure, double Limit, string Unit, bool IsCeiling = false)
{
    /// <summary>Whether it was measured and is as it should be.</summary>
    public bool IsMet => Figure.Problem is null && (IsCeiling ? Figure.Value < Limit : Figure.Value >= Limit);

    /// <summary>One line: what, how much, how much is asked, and whether that is met.</summary>
    public override string ToString()
    {
        string wanted = Invariant($"{(IsCeiling ? "below" : "at least")} {Limit}{Unit}");
        return Figure.Problem is string problem
            ? $"{What}: not measured, {problem} ({wanted} is wanted)"
            : Invariant($"{What}: {Figure.Value:F2}{Unit}, {wanted} is wanted: {(IsMet ? "met" : "not met")}");
    }
}
