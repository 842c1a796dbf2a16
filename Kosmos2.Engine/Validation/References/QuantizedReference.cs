using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>golden.safetensors of a model whose weights are quantized, which this version does not run.</summary>
internal sealed class QuantizedReference : IReferenceKind
{
    public bool Knows(string path)
    {
        string config = Path.Combine(ParityContext.FolderOf(path), "config.json");
        return Path.GetFileName(path) == ModelReference.FileName && File.Exists(config) && JsonFields.Read(config).Find("quantization_config") is not null;
    }

    public IEnumerable<ParityResult> Compare(string path, ParityContext context) =>
        [Tally.None(context.NameOf(path), "the model's weights are quantized, which this version does not run")];
}
