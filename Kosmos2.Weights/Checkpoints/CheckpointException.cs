namespace Kosmos2.Weights;

/// <summary>A checkpoint's files do not fit together, or do not fit its configuration.</summary>
public sealed class CheckpointException : Kosmos2FormatException
{
    /// <summary>Makes an exception about a tensor or a whole checkpoint.</summary>
    /// <param name="filePath">The file or folder at fault.</param>
    /// <param name="tensorName">The tensor at fault, or null.</param>
    /// <param name="problem">What was found and what was expected.</param>
    /// <param name="innerException">The cause, or null.</param>
    public CheckpointException(string filePath, string? tensorName, string problem, Exception? innerException = null)
        : base(filePath, tensorName is null ? problem : $"tensor {Quote(tensorName)}: {problem}", innerException)
    {
        TensorName = tensorName;
        Problem = problem;
    }

    /// <summary>The tensor at fault, or null when the fault is the checkpoint's as a whole.</summary>
    public string? TensorName { get; }

    /// <summary>What was found and what was expected.</summary>
    internal string Problem { get; }
}
