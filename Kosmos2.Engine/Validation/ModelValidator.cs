using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// Compares a model with reference outputs of the real implementation: every stage and every case that the reference holds. For whoever
/// changes a kernel or brings another checkpoint.
/// </summary>
public static class ModelValidator
{
    private const string GoldenName = "golden.safetensors";

    /// <summary>The options, with exact products unless they say otherwise: what references are made with.</summary>
    internal static EngineOptions Exact(EngineOptions? options)
    {
        options ??= new EngineOptions();
        return options with { Products = options.Products ?? ProductPrecision.Exact };
    }

    /// <summary>Runs the comparison.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="goldenPath">
    /// A golden.safetensors as tools/reference writes it, or a folder that holds one; also generation.json beside it (the cases of a model of
    /// numbers), or cases.jsonl with its pictures (the cases of a model of pictures).
    /// </param>
    /// <param name="options">Device; null for the defaults.</param>
    /// <param name="loadPicture">Reads a picture by path, for references with pictures.</param>
    /// <param name="cancellation">Ends the comparison with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="Kosmos2FormatException">The model or the reference is malformed or of no known kind.</exception>
    public static ValidationReport Run(
        string modelFolder, string goldenPath, EngineOptions? options = null, Func<string, RgbImage>? loadPicture = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(modelFolder);
        ArgumentNullException.ThrowIfNull(goldenPath);
        string folder = Directory.Exists(goldenPath) ? goldenPath : Path.GetDirectoryName(Path.GetFullPath(goldenPath))!;
        string file = Directory.Exists(goldenPath) ? Path.Combine(goldenPath, GoldenName) : goldenPath;
        bool hasCases = File.Exists(Path.Combine(folder, "cases.jsonl"));
        if (!File.Exists(file) && !hasCases)
            throw new Kosmos2FormatException(goldenPath, $"is neither a reference file nor a folder with {GoldenName} or cases.jsonl");

        using GoldenFile? golden = File.Exists(file) ? GoldenFile.Open(file) : null;
        using Kosmos2Engine engine = Kosmos2Engine.Load(modelFolder, Exact(options));
        if (hasCases)
        {
            if (loadPicture is null)
                throw new ArgumentException("this reference has pictures, and nothing to read them was given", nameof(loadPicture));
            return new ShapesGolden(engine, golden, folder, loadPicture).Run(cancellation);
        }
        if (golden!.Has("image_embeds.float64"))
            return new FullSizeGolden(engine.Model, golden).Run();
        if (!golden.Has("pixel_values"))
            throw new Kosmos2FormatException(file, "holds no stage that is known here (pixel_values, image_embeds.float64 or cases.jsonl beside it)");

        List<StageResult> stages = new ModelGolden(engine.Model, golden).Run();
        string generation = Path.Combine(folder, "generation.json");
        List<CaseResult> cases = File.Exists(generation) ? GenerationGolden.Run(engine.Model, golden, GenerationCases.Read(generation)) : [];
        return new ValidationReport(stages, cases) { NotCompared = [.. golden.Unread.Order(StringComparer.Ordinal)] };
    }
}
