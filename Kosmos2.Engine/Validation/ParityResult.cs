namespace Kosmos2.Engine.Validation;

/// <summary>How a file of reference outputs compares.</summary>
/// <param name="File">The file, below the folder that was compared.</param>
/// <param name="Passed">Cases that are equal, or within tolerance.</param>
/// <param name="Total">Cases compared.</param>
/// <param name="Differences">The cases that differ: which, what was expected and what was found.</param>
/// <param name="NotCompared">What was left out and why, in one line; null when nothing was.</param>
public sealed record ParityResult(string File, int Passed, int Total, IReadOnlyList<CaseResult> Differences, string? NotCompared);
