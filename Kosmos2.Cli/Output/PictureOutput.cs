using System.Globalization;
using System.Text;
using Kosmos2.Cli.Images;
using Kosmos2.Engine;
using Kosmos2.Imaging;
using Kosmos2.Weights;

namespace Kosmos2.Cli.Output;

/// <summary>The pictures that <c>--annotate</c> and <c>--crop</c> write.</summary>
internal sealed class PictureOutput
{
    private static readonly string[] OtherFormats = [".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".ico", ".tif", ".tiff"];

    private readonly string? _annotate, _crop;
    private readonly bool _annotateIsFile;
    private readonly Dictionary<string, int> _used = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> _given;

    /// <summary>Checks the targets before any work is done.</summary>
    /// <param name="annotate">A .png file for one picture, else a folder; null for none.</param>
    /// <param name="crop">A folder; null for none.</param>
    /// <param name="images">How many pictures there are.</param>
    /// <param name="given">All pictures that the command line names, examples too; none is written over.</param>
    /// <exception cref="UsageException">A target cannot be right.</exception>
    public PictureOutput(string? annotate, string? crop, int images, IEnumerable<ImageInput> given)
    {
        _annotate = annotate;
        _crop = crop;
        IEnumerable<string> files = annotate is null && crop is null ? [] : given.Select(input => input.FilePath).OfType<string>();
        _given = files.Select(RealPath.Of).ToHashSet(RealPath.Comparer);
        if (annotate is not null)
        {
            string extension = Path.GetExtension(annotate);
            if (OtherFormats.Contains(extension, StringComparer.OrdinalIgnoreCase))
                throw new UsageException($"--annotate {annotate}: annotated pictures are PNG files; name it .png");
            _annotateIsFile = extension.Equals(".png", StringComparison.OrdinalIgnoreCase) && !Directory.Exists(annotate);
            CheckAnnotate(annotate, images);
        }
        if (crop is not null && File.Exists(crop))
            throw new UsageException($"--crop {crop}: is a file; a folder is wanted");
    }

    /// <summary>Writes what was asked for, and returns the files.</summary>
    public IReadOnlyList<string> Write(ImageInput input, RgbImage picture, IReadOnlyList<GroundedEntity> entities)
    {
        var written = new List<string>();
        string stem = UniqueStem(input.Stem);
        if (_annotate is not null)
        {
            string path = _annotateIsFile ? _annotate : Path.Combine(MakeFolder(_annotate), stem + ".png");
            Save(path, "the annotated picture", () => PictureAnnotator.Annotate(picture, entities));
            written.Add(path);
        }
        if (_crop is not null)
        {
            int crops = 0;
            foreach ((GroundedEntity entity, Box box) in entities.SelectMany(entity => entity.Boxes, (entity, box) => (entity, box)))
            {
                string name = string.Create(CultureInfo.InvariantCulture, $"{stem}-{++crops}-{Slug(entity.Name)}.png");
                string path = Path.Combine(MakeFolder(_crop), name);
                Save(path, "the crop", () => PictureCropper.Crop(picture, box));
                written.Add(path);
            }
        }
        return written;
    }

    private void CheckAnnotate(string annotate, int images)
    {
        if (!_annotateIsFile)
        {
            if (File.Exists(annotate))
                throw new UsageException($"--annotate {annotate}: is a file, but neither a .png file nor a folder");
            return;
        }
        if (images > 1)
            throw new UsageException($"--annotate {annotate}: {images} pictures do not fit one file; name a folder");
        string? folder = Path.GetDirectoryName(Path.GetFullPath(annotate));
        if (folder is not null && !Directory.Exists(folder))
            throw new UsageException($"--annotate {annotate}: the folder {Path.GetDirectoryName(annotate)} does not exist");
    }

    // A picture that is yet to be read, under whatever name, would be lost, and its answer be about another.
    private void Save(string path, string what, Func<RgbImage> picture)
    {
        if (_given.Contains(RealPath.Of(path)))
            throw new UsageException($"{path}: {what} would replace the picture itself");
        PictureWriter.SavePng(path, picture());
    }

    private static string MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{folder}: the folder cannot be made: {e.Message}", e);
        }
    }

    // a/x.png and b/x.jpg both become x.png: the second is x-2.png.
    private string UniqueStem(string stem)
    {
        string safe = stem.Length == 0 ? "picture" : string.Concat(stem.Select(c => Path.GetInvalidFileNameChars().Contains(c) ? '_' : c));
        int count = _used[safe] = _used.GetValueOrDefault(safe) + 1;
        return count == 1 ? safe : UniqueStem(string.Create(CultureInfo.InvariantCulture, $"{safe}-{count}"));
    }

    private static string Slug(string phrase)
    {
        var slug = new StringBuilder();
        foreach (char c in phrase)
        {
            if (char.IsLetterOrDigit(c))
                slug.Append(char.ToLowerInvariant(c));
            else if (slug.Length > 0 && slug[^1] != '-')
                slug.Append('-');
        }
        string cut = slug.Length > 40 ? slug.ToString(0, 40) : slug.ToString();
        return cut.Trim('-') is { Length: > 0 } name ? name : "box";
    }
}
