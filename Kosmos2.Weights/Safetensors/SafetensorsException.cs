namespace Kosmos2.Weights;

/// <summary>A safetensors file breaks a rule of its format. Raised on opening, before any tensor can be read.</summary>
public sealed class SafetensorsException : Kosmos2FormatException
{
    /// <summary>Makes an exception about a place in a file.</summary>
    /// <param name="filePath">The file at fault.</param>
    /// <param name="tensorName">The tensor at fault, or null when the fault is the file's as a whole.</param>
    /// <param name="offset">Where in the file the fault lies, in bytes from its start.</param>
    /// <param name="problem">What was found and what was expected.</param>
    /// <param name="innerException">The cause, or null.</param>
    public SafetensorsException(string filePath, string? tensorName, long offset, string problem, Exception? innerException = null)
        : base(filePath, $"{(tensorName is null ? "" : $"tensor {Quote(tensorName)}: ")}{problem} (at byte {offset})", innerException)
    {
        TensorName = tensorName;
        Offset = offset;
    }

    /// <summary>The tensor at fault, or null when the fault is the file's as a whole.</summary>
    public string? TensorName { get; }

    /// <summary>Where in the file the fault lies, in bytes from its start.</summary>
    public long Offset { get; }
}
