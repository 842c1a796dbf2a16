using Kosmos2.Engine.Processing;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// pixels-*.safetensors: pictures after the resize (<c>NAME.rgb</c>, [224, 224, 3] bytes) and after everything (<c>NAME.pixel_values</c>), bit for bit; and
/// <c>normalised</c> [3, 256], the float of each byte. The pictures are in images beside the file or elsewhere.
/// </summary>
internal sealed class PixelsReference : IReferenceKind
{
    private const string Normalised = "normalised";

    public bool Knows(string path) =>
        Path.GetFileName(path) is var name && name.StartsWith("pixels-", StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal);

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        using GoldenFile golden = GoldenFile.Open(path);
        var tally = new Tally(context.NameOf(path));
        var processor = new Kosmos2ImageProcessor();
        var missing = new List<string>();
        foreach (string name in golden.Names.Where(name => name.EndsWith(".rgb", StringComparison.Ordinal)).Select(name => name[..^".rgb".Length]))
        {
            context.Cancellation.ThrowIfCancellationRequested();
            if (context.Options.LoadPicture is { } load && context.FindPicture(path, name) is { } picture)
                tally.Add(name, Compare(golden, name, load(picture), processor));
            else
                missing.Add(name);
        }
        if (golden.Has(Normalised))
            tally.Add(Normalised, CompareFloats(golden));
        return [tally.Result(missing.Count == 0 ? null : $"pictures that are not here (--images): {string.Join(", ", missing)}")];
    }

    private static string? Compare(GoldenFile golden, string name, RgbImage picture, Kosmos2ImageProcessor processor)
    {
        string rgb = $"{name}.rgb", values = $"{name}.pixel_values";
        return Difference.Between("rgb", processor.Resize(picture).Pixels, golden.Bytes(rgb))
            ?? (golden.Has(values) ? Difference.Between<float>("pixel_values", processor.Process(picture).Values, golden.Floats(values)) : null);
    }

    private static string? CompareFloats(GoldenFile golden)
    {
        var asIs = new Kosmos2ImageProcessor(new PreprocessorConfig { DoResize = false, DoCenterCrop = false });
        byte[] ramp = [.. Enumerable.Range(0, 3 * 256).Select(i => (byte)(i / 3))];
        return Difference.Between<float>(Normalised, asIs.Process(new RgbImage(16, 16, ramp)).Values, golden.Floats(Normalised));
    }
}
