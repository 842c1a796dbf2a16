namespace Kosmos2.Weights;

/// <summary>A configuration file is not JSON, or a field of it has a value that is wrong or not supported.</summary>
public sealed class ConfigurationException : Kosmos2FormatException
{
    /// <summary>Makes an exception about a field or a whole file.</summary>
    /// <param name="filePath">The file at fault.</param>
    /// <param name="field">The field at fault, as in <c>text_config.layers</c>, or null.</param>
    /// <param name="problem">What was found and what was expected.</param>
    /// <param name="innerException">The cause, or null.</param>
    public ConfigurationException(string filePath, string? field, string problem, Exception? innerException = null)
        : base(filePath, field is null ? problem : $"{field} {problem}", innerException)
    {
        Field = field;
    }

    /// <summary>The field at fault, as in <c>text_config.layers</c>, or null when the fault is the file's as a whole.</summary>
    public string? Field { get; }
}
