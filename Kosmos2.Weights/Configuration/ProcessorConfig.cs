namespace Kosmos2.Weights;

/// <summary>The processor's configuration (<c>processor_config.json</c>). Without the file everything has its default.</summary>
public sealed record ProcessorConfig
{
    private const string FileName = "processor_config.json";

    /// <summary>Cells that a picture is divided into for boxes: a square number, 32 x 32 in the real model.</summary>
    public int NumPatchIndexTokens { get; init; } = 1024;

    /// <summary>Reads a model folder's configuration.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static ProcessorConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (JsonFields.ReadIfPresent(Path.Combine(folder, FileName)) is not { } fields)
            return new();
        int cells = fields.Int32("num_patch_index_tokens", 1024, 1, 10_000);
        int side = (int)Math.Sqrt(cells);
        return side * side == cells
            ? new ProcessorConfig { NumPatchIndexTokens = cells }
            : throw fields.Error("num_patch_index_tokens", $"is {cells}; it must be a square number (rows and columns alike)");
    }
}
