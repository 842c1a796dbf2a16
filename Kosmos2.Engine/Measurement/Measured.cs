namespace Kosmos2.Engine.Measurement;

/// <summary>What was measured, or why it was not.</summary>
/// <param name="Value">Means nothing where there is a problem.</param>
/// <param name="Problem">Why there is no value; null where there is one.</param>
internal sealed record Measured<T>(T Value, string? Problem = null)
{
    /// <summary>What follows from it; what was not measured has no consequences either.</summary>
    public Measured<R> Then<R>(Func<T, Measured<R>> next) => Problem is null ? next(Value) : new(default!, Problem);
}
