namespace Kosmos2.Engine.Validation;

/// <summary>golden.safetensors without a model beside it: outputs of the real architecture with the weights that <c>kosmos2 synthesize</c> makes.</summary>
internal sealed class FullSizeReference : IReferenceKind
{
    public bool Knows(string path) =>
        Path.GetFileName(path) == ModelReference.FileName
        && !File.Exists(Path.Combine(ParityContext.FolderOf(path), "config.json"))
        && !File.Exists(Path.Combine(ParityContext.FolderOf(path), CasesReference.FileName));

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        if (context.Options.FullSizeModel is not { } model)
        {
            yield return Tally.None(context.NameOf(path), "its model is not here: kosmos2 synthesize DIR makes it (6.7 GB), --full-size DIR names it");
            yield break;
        }
        ValidationReport report = ModelValidator.Run(model, path, context.Options.Engine, context.Options.LoadPicture, context.Cancellation);
        ParityResult stages = ModelReference.Stages(context.NameOf(path), report);
        ParityResult cases = ModelReference.Cases(stages.File, report);
        yield return new ParityResult(
            stages.File, stages.Passed + cases.Passed, stages.Total + cases.Total, [.. stages.Differences, .. cases.Differences], stages.NotCompared);
    }
}
