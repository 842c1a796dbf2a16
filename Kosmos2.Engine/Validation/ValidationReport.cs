namespace Kosmos2.Engine.Validation;

/// <summary>All that a model was compared on.</summary>
/// <param name="Stages">Tensors, in the order the model computes them.</param>
/// <param name="Cases">Generation cases.</param>
public sealed record ValidationReport(IReadOnlyList<StageResult> Stages, IReadOnlyList<CaseResult> Cases)
{
    /// <summary>Tensors of the reference that nothing was compared with.</summary>
    public IReadOnlyList<string> NotCompared { get; init; } = [];

    /// <summary>Whether everything is within tolerance, and there was something to compare.</summary>
    public bool Passed => Stages.Count + Cases.Count > 0 && Stages.All(s => s.Passed) && Cases.All(c => c.Passed);

    /// <summary>The first stage that is out of tolerance: where to look for the mistake. Null when all are within.</summary>
    public string? FirstDifference => Stages.FirstOrDefault(s => !s.Passed)?.Name ?? Cases.FirstOrDefault(c => !c.Passed)?.Name;

    /// <summary>As in <c>41 of 41 stages, 19 of 19 cases</c>.</summary>
    public string Summary => $"{Stages.Count(s => s.Passed)} of {Stages.Count} stages, {Cases.Count(c => c.Passed)} of {Cases.Count} cases";
}
