using Kosmos2.Engine;

namespace Kosmos2.Cli.Tasks;

/// <summary>What a command asks of every picture.</summary>
/// <param name="Task">The command's name.</param>
/// <param name="PromptFor">The prompt; it may depend on the picture's size, since boxes can be given in pixels.</param>
internal sealed record TaskRequest(string Task, Func<RgbImage, string> PromptFor)
{
    /// <summary>Whether people want the answer alone, without the prompt's words before it.</summary>
    public bool AnswerOnly { get; init; }
}
