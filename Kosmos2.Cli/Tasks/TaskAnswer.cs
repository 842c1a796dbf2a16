using Kosmos2.Engine;

namespace Kosmos2.Cli.Tasks;

/// <summary>One picture's answer as the command shows it.</summary>
internal sealed record TaskAnswer
{
    /// <summary>The picture's name as given.</summary>
    public required string Image { get; init; }

    /// <summary>Pixels.</summary>
    public required (int Width, int Height) Size { get; init; }

    /// <summary>The command.</summary>
    public required string Task { get; init; }

    /// <summary>What the model was asked.</summary>
    public required string Prompt { get; init; }

    /// <summary>The answer without tags, the prompt's words included.</summary>
    public required string Text { get; init; }

    /// <summary>The answer alone, without tags.</summary>
    public required string Answer { get; init; }

    /// <summary>Prompt and answer with tags.</summary>
    public required string Raw { get; init; }

    /// <summary>The new tokens.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Phrases and their boxes.</summary>
    public required IReadOnlyList<GroundedEntity> Entities { get; init; }

    /// <summary>Why the answer ended.</summary>
    public required string FinishReason { get; init; }

    /// <summary>Stage and time, in order.</summary>
    public required IReadOnlyList<(string Stage, TimeSpan Time)> Timings { get; init; }
}
