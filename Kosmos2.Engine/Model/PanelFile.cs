using System.Globalization;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>
/// A model's matrices in the order in which one kind of CPU reads them, in a file beside the model's own (<see cref="ModelPanels"/>): mapped, they are at hand at
/// once. A safetensors file inside: a tensor of bytes for each matrix, and as metadata what they were made for and from. Its name does not end in .safetensors, since
/// some programs open every such file of a folder.
/// </summary>
internal sealed class PanelFile : IDisposable
{
    private const string Layouts = "layouts";

    private readonly SafetensorsFile _file;
    private readonly CpuBackend _backend;

    private PanelFile(SafetensorsFile file, CpuBackend backend)
    {
        _file = file;
        _backend = backend;
    }

    /// <summary>Where it lies.</summary>
    public string FilePath => _file.FilePath;

    /// <summary>Where the panels for a backend lie.</summary>
    public static string PathOf(string folder, CpuBackend backend) => Path.Combine(folder, $"model.{CpuFeatures.NameOf(backend.InstructionSet)}{ModelFiles.PanelEnding}");

    /// <summary>What a file of panels says of itself: what kernels they are for, and of which files they were made, each with its length and when it was last written.</summary>
    public static Dictionary<string, string> Metadata(Checkpoint checkpoint, CpuBackend backend)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal) { [Layouts] = backend.PanelLayouts };
        foreach (string path in checkpoint.Files.Select(file => file.FilePath).Append(Path.Combine(checkpoint.Folder, ModelFiles.Config)))
        {
            // The hub's cache holds links. Archives and some file systems keep whole seconds.
            var file = new FileInfo(RealPath.Of(path));
            metadata.Add(Path.GetFileName(path), string.Create(CultureInfo.InvariantCulture, $"{file.Length} bytes of {file.LastWriteTimeUtc:s}Z"));
        }
        return metadata;
    }

    /// <summary>Opens the panels beside a model.</summary>
    /// <param name="checkpoint">The model.</param>
    /// <param name="backend">What will read them.</param>
    /// <param name="problem">Why those that are there do not serve; null otherwise.</param>
    /// <returns>Null where there are none, or none that serve.</returns>
    /// <exception cref="SafetensorsException">The file is damaged.</exception>
    public static PanelFile? TryOpen(Checkpoint checkpoint, CpuBackend backend, out string? problem)
    {
        problem = null;
        string path = PathOf(checkpoint.Folder, backend);
        if (!File.Exists(path))
            return null;
        SafetensorsFile file = SafetensorsFile.Open(path);
        foreach ((string what, string expected) in Metadata(checkpoint, backend))
        {
            string? found = file.Metadata.GetValueOrDefault(what);
            if (found == expected)
                continue;
            problem = $"{path} is not used: made for {what} {Kosmos2FormatException.Quote(found ?? "")}, which is {Kosmos2FormatException.Quote(expected)} here; kosmos2 pack makes it anew";
            file.Dispose();
            return null;
        }
        return new PanelFile(file, backend);
    }

    /// <summary>A matrix in its panels; null where there are none of it.</summary>
    /// <exception cref="SafetensorsException">They are of another size than the matrix's must be.</exception>
    public PreparedWeight? Prepare(string name, Tensor matrix) => Prepare(name, matrix, _backend.Prepare);

    /// <inheritdoc cref="Prepare(string, Tensor)"/>
    public PreparedWeight? Prepare(string name, QuantizedMatrix matrix) => Prepare(name, matrix, _backend.Prepare);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private PreparedWeight? Prepare<T>(string name, T matrix, Func<T, Tensor?, PreparedWeight> prepare)
    {
        if (!_file.TryGet(name, out Tensor? panels))
            return null;
        try
        {
            return prepare(matrix, panels);
        }
        catch (ArgumentException e)
        {
            throw new SafetensorsException(_file.FilePath, name, panels.ByteOffset, e.Message, e);
        }
    }
}
