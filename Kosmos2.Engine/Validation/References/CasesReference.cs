namespace Kosmos2.Engine.Validation;

/// <summary>cases.jsonl: pictures, prompts and answers of a model; and golden.safetensors beside it, the pictures' embeddings and the prompts' last logits.</summary>
internal sealed class CasesReference : IReferenceKind
{
    public const string FileName = "cases.jsonl";

    public bool Knows(string path) => Path.GetFileName(path) == FileName;

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        string folder = ParityContext.FolderOf(path);
        if (context.ModelFor(folder) is not { } model)
        {
            yield return Tally.None(context.NameOf(path), "the model that answered is not here (--model)");
            yield break;
        }
        if (context.Options.LoadPicture is not { } load)
        {
            yield return Tally.None(context.NameOf(path), "nothing to read its pictures with was given");
            yield break;
        }
        ValidationReport report = ModelValidator.Run(model, folder, context.Options.Engine, load, context.Cancellation);
        yield return ModelReference.Cases(context.NameOf(path), report);
        if (report.Stages.Count > 0)
            yield return ModelReference.Stages(context.NameOf(Path.Combine(folder, ModelReference.FileName)), report);
    }
}
