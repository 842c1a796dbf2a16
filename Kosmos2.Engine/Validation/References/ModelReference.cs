namespace Kosmos2.Engine.Validation;

/// <summary>golden.safetensors in a model's folder: every stage of that model; and generation.json beside it, each case row by row and as one batch.</summary>
internal sealed class ModelReference : IReferenceKind
{
    public const string FileName = "golden.safetensors";

    public bool Knows(string path) => Path.GetFileName(path) == FileName && File.Exists(Path.Combine(ParityContext.FolderOf(path), "config.json"));

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        string folder = ParityContext.FolderOf(path);
        ValidationReport report = ModelValidator.Run(folder, path, context.Options.Engine, context.Options.LoadPicture, context.Cancellation);
        yield return Stages(context.NameOf(path), report);
        if (report.Cases.Count > 0)
            yield return Cases(context.NameOf(Path.Combine(folder, "generation.json")), report);
    }

    /// <summary>A report's tensors as a file's cases.</summary>
    public static ParityResult Stages(string file, ValidationReport report)
    {
        var tally = new Tally(file);
        foreach (StageResult stage in report.Stages)
            tally.Add(stage.Name, stage.Difference);
        return tally.Result(report.NotCompared.Count == 0 ? null : $"tensors of no known stage: {string.Join(", ", report.NotCompared)}");
    }

    /// <summary>A report's cases.</summary>
    public static ParityResult Cases(string file, ValidationReport report)
    {
        var tally = new Tally(file);
        foreach (CaseResult one in report.Cases)
            tally.Add(one.Name, one.Passed ? null : one.Difference);
        return tally.Result();
    }
}
