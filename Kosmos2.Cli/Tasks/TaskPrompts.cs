using Kosmos2.Engine;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Cli.Tasks;

/// <summary>Each command's request.</summary>
internal static class TaskPrompts
{
    public static TaskRequest Caption(bool grounded) => new("caption", _ => grounded ? Prompts.GroundedCaption : Prompts.Caption);

    public static TaskRequest Describe(bool grounded) => new("describe", _ => grounded ? Prompts.GroundedDetail : Prompts.Detail);

    public static TaskRequest Ground(string phrase, string? caption) => new("ground", _ => caption is null ? Prompts.Ground(phrase) : Prompts.Ground(phrase, caption));

    /// <summary>A question, and boxes for a phrase of it.</summary>
    /// <exception cref="UsageException">There are boxes without a phrase, or a phrase without boxes.</exception>
    public static TaskRequest Ask(string question, bool grounded, string? phrase, IReadOnlyList<BoxArgument> boxes)
    {
        if (phrase is null != (boxes.Count == 0))
            throw new UsageException("--phrase and --box go together: words of the question, and where in the picture they are");
        return new TaskRequest("ask", picture => grounded ? Prompts.GroundedAsk(Question(picture)) : Prompts.Ask(Question(picture)))
        {
            AnswerOnly = true,
            Question = Question,
        };

        Prompt Question(RgbImage picture) => phrase is null ? question : Prompt.WithBoxes(question, phrase, Boxes(boxes, picture));
    }

    public static TaskRequest Refer(string phrase, IReadOnlyList<BoxArgument> boxes, string continuation) =>
        new("refer", picture => new Prompt().Grounded().Phrase(phrase, Boxes(boxes, picture)).Text(continuation));

    /// <summary>Labels in a template, by likelihood.</summary>
    public static TaskRequest Classify(IReadOnlyList<string> labels, string template) => new("classify", _ => new Prompt())
    {
        Compare = (engine, picture, cancellation) => ScoredText.Of(engine.Classify(picture, labels, template, cancellation)),
    };

    /// <summary>The likelihood of one text.</summary>
    public static TaskRequest Score(string text) => new("score", _ => new Prompt())
    {
        Compare = (engine, picture, cancellation) => [new ScoredText(text, null, engine.Score(picture, [text], null, cancellation)[0])],
    };

    public static TaskRequest Run(string prompt, IReadOnlyList<Shot> shots) =>
        new("run", _ => new Prompt().Tagged(prompt)) { WellFormed = false, Shots = shots };

    private static PhraseBox[] Boxes(IReadOnlyList<BoxArgument> boxes, RgbImage picture) => [.. boxes.Select(box => (PhraseBox)box.In(picture))];
}
