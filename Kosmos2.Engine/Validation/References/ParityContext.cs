using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine.Validation;

/// <summary>What the comparers share: where things are, and the vocabulary once it is loaded.</summary>
internal sealed class ParityContext(string root, ParityOptions options, CancellationToken cancellation)
{
    private readonly Dictionary<string, Kosmos2Tokenizer> _tokenizers = new(StringComparer.Ordinal);

    public ParityOptions Options => options;

    public CancellationToken Cancellation => cancellation;

    /// <summary>A file's name below the folder that is compared.</summary>
    public string NameOf(string path) => Path.GetRelativePath(root, path).Replace('\\', '/');

    /// <summary>
    /// The vocabulary of a file: one in the file's own folder, the model's where the file stands beside its cases, or the one that was named or lies in or above the
    /// compared folder; null when there is none.
    /// </summary>
    public Kosmos2Tokenizer? TokenizerFor(string path)
    {
        string folder = FolderOf(path);
        string? place = HasTokenizer(folder) ? folder
            : File.Exists(Path.Combine(folder, CasesReference.FileName)) ? ModelFor(folder)
            : options.Tokenizer ?? Around("kosmos2-tokenizer");
        if (place is null)
            return null;
        if (!_tokenizers.TryGetValue(place, out Kosmos2Tokenizer? tokenizer))
            _tokenizers.Add(place, tokenizer = Kosmos2Tokenizer.Load(place));
        return tokenizer;
    }

    /// <summary>The model whose answers stand in a folder: the folder itself if it holds one, or the one that was named.</summary>
    public string? ModelFor(string folder) => File.Exists(Path.Combine(folder, "config.json")) ? folder : options.Model;

    /// <summary>A picture that a file names: in images beside the file, beside it, or where pictures were said to be; null when it is nowhere.</summary>
    public string? FindPicture(string path, string name)
    {
        name = Path.GetFileName(name);
        string?[] folders = [Path.Combine(FolderOf(path), "images"), FolderOf(path), options.Images, Around("images")];
        return folders.OfType<string>().Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    public static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    /// <summary>A folder of this name in the compared one, or up to two folders above.</summary>
    private string? Around(string name) =>
        new[] { Path.Combine(root, name), Path.Combine(root, "..", name), Path.Combine(root, "..", "..", name) }.FirstOrDefault(Directory.Exists);

    private static bool HasTokenizer(string folder) =>
        File.Exists(Path.Combine(folder, "tokenizer.json")) || File.Exists(Path.Combine(folder, "sentencepiece.bpe.model"));
}
