using Kosmos2.Engine;

namespace Kosmos2.Cli.Tasks;

/// <summary>What a command asks of every picture.</summary>
/// <param name="Task">The command's name.</param>
/// <param name="PromptFor">The prompt behind the picture; it may depend on the picture's size, since boxes can be given in pixels.</param>
internal sealed record TaskRequest(string Task, Func<RgbImage, Prompt> PromptFor)
{
    /// <summary>Whether people want the answer alone, without the prompt's words before it.</summary>
    public bool AnswerOnly { get; init; }

    /// <summary>Whether answers keep to the grounding grammar unless the command line says otherwise.</summary>
    public bool WellFormed { get; init; } = true;

    /// <summary>Pictures with their texts that stand before the picture asked about, in this order.</summary>
    public IReadOnlyList<Shot> Shots { get; init; } = [];

    /// <summary>The question without its frame, for choosing among answers; null where there is none.</summary>
    public Func<RgbImage, Prompt>? Question { get; init; }

    /// <summary>Compares texts by their likelihood instead of generating one; null to generate.</summary>
    public Func<Kosmos2Engine, RgbImage, CancellationToken, IReadOnlyList<ScoredText>>? Compare { get; init; }

    /// <summary>The same question, answered by one of these choices.</summary>
    public TaskRequest AmongChoices(IReadOnlyList<string> choices) => this with
    {
        Compare = (engine, picture, cancellation) => ScoredText.Of(engine.Choose(picture, Question!(picture), choices, cancellation)),
    };
}

/// <summary>An example before the question: a picture and the text behind it, tags included.</summary>
/// <param name="Image">The picture, as an IMAGE argument.</param>
/// <param name="Text">The text.</param>
internal sealed record Shot(string Image, string Text);

/// <summary>A text and how likely it is.</summary>
/// <param name="Text">The text as given.</param>
/// <param name="Probability">Its share among those it was compared with; null when it was scored alone.</param>
/// <param name="Score">Its likelihood.</param>
internal sealed record ScoredText(string Text, double? Probability, TextScore Score)
{
    public static IReadOnlyList<ScoredText> Of(IReadOnlyList<RankedText> ranked) => [.. ranked.Select(text => new ScoredText(text.Text, text.Probability, text.Score))];
}
