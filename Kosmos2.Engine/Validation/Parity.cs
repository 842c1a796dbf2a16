using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// Compares this library with a folder of outputs of the real implementation: every file of a known kind below it, case by case. For whoever makes such files
/// (tools/reference does), and to know that a change left everything equal.
/// </summary>
public static class Parity
{
    private const int MaxDepth = 8;

    private static readonly IReferenceKind[] Kinds =
    [
        new TokenizerReference(), new ProcessorReference(), new PostProcessReference(), new PixelsReference(), new ImageProcessorReference(),
        new LogitsProcessorsReference(), new PositionsReference(), new QuantizedReference(), new ModelReference(), new CasesReference(), new FullSizeReference(),
    ];

    /// <summary>Compares file by file, in the order of their names.</summary>
    /// <param name="path">The folder, or one file.</param>
    /// <param name="options">What else is needed; null for what is found in and above the folder.</param>
    /// <param name="cancellation">Ends the comparison with <see cref="OperationCanceledException"/>.</param>
    /// <returns>A result for each file that is known, as soon as it is there.</returns>
    /// <exception cref="Kosmos2FormatException">No file is of a known kind; or one is malformed, and the message says which and where.</exception>
    /// <exception cref="IOException">There is no such folder, or a file cannot be read.</exception>
    public static IEnumerable<ParityResult> Run(string path, ParityOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        bool isFile = File.Exists(path);
        if (!isFile && !Directory.Exists(path))
            throw new DirectoryNotFoundException($"{path}: no such folder");
        string root = isFile ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        string[] files = isFile ? [path] : [.. FilesBelow(path).Order(StringComparer.Ordinal)];
        if (!files.Any(file => Kinds.Any(kind => kind.Knows(file))))
            throw new Kosmos2FormatException(path, "holds no reference file of a known kind (tokenizer.jsonl, processor.jsonl, golden.safetensors ...)");
        return Compare(new ParityContext(root, options ?? new ParityOptions(), cancellation), files);
    }

    private static IEnumerable<string> FilesBelow(string folder) =>
        Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = MaxDepth });

    private static IEnumerable<ParityResult> Compare(ParityContext context, string[] files)
    {
        foreach (string file in files)
        {
            if (Kinds.FirstOrDefault(kind => kind.Knows(file)) is not { } known)
                continue;
            context.Cancellation.ThrowIfCancellationRequested();
            foreach (ParityResult result in known.Compare(file, context))
                yield return result;
        }
    }
}
