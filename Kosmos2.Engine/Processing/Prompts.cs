namespace Kosmos2.Engine.Processing;

/// <summary>
/// The prompts that KOSMOS-2 was trained and shown on, one a task, to stand behind a picture. What they are given is plain text: words with tags in
/// them are refused.
/// </summary>
public static class Prompts
{
    /// <summary><c>An image of</c>: a short caption.</summary>
    public static Prompt Caption { get; } = "An image of";

    /// <summary><c>&lt;grounding&gt; An image of</c>: a short caption with boxes.</summary>
    public static Prompt GroundedCaption { get; } = Grounded(Caption);

    /// <summary><c>Describe this image in detail:</c>: a long description.</summary>
    public static Prompt Detail { get; } = "Describe this image in detail:";

    /// <summary><c>&lt;grounding&gt; Describe this image in detail:</c>: a long description with boxes.</summary>
    public static Prompt GroundedDetail { get; } = Grounded(Detail);

    /// <summary>Where something is: phrase grounding and referring expression comprehension. The answer begins with its boxes.</summary>
    /// <param name="phrase">What to find, as in <c>a snowman next to a fire</c>.</param>
    /// <exception cref="ArgumentException">The phrase is empty or holds a tag.</exception>
    public static Prompt Ground(string phrase) => new Prompt().Grounded().Phrase(phrase);

    /// <summary>Where a phrase of a caption is (the protocol of Flickr30k Entities): the caption up to the phrase, and the phrase. The answer begins with its boxes.</summary>
    /// <param name="phrase">Words of the caption; where they stand more than once, the first are meant.</param>
    /// <param name="caption">The caption, whole or up to the phrase.</param>
    /// <exception cref="ArgumentException">The phrase is not in the caption, or either is empty or holds a tag.</exception>
    public static Prompt Ground(string phrase, string caption)
    {
        (string before, string words, _) = Prompt.Split(caption, phrase);
        Prompt prompt = new Prompt().Grounded();
        return (string.IsNullOrWhiteSpace(before) ? prompt : prompt.Text(before)).Phrase(words);
    }

    /// <summary>What is in a box: referring expression generation. The answer goes on after <c>It ... is</c>.</summary>
    /// <param name="box">The box, within the picture.</param>
    /// <param name="phrase">What stands for the thing in the box.</param>
    /// <param name="continuation">How the sentence about it begins: <c>is</c> to name the thing, <c>seats next to</c> for what is beside it.</param>
    /// <exception cref="ArgumentException">A text is empty or holds a tag.</exception>
    public static Prompt Refer(PhraseBox box, string phrase = "It", string continuation = "is") =>
        new Prompt().Grounded().Phrase(phrase, box).Text(continuation);

    /// <summary>A question, answered without boxes.</summary>
    /// <param name="question">The question. <see cref="Prompt.WithBoxes"/> makes one that refers to boxes.</param>
    /// <exception cref="ArgumentException">The question is empty.</exception>
    public static Prompt Ask(Prompt question)
    {
        ArgumentNullException.ThrowIfNull(question);
        return question.IsEmpty ? throw new ArgumentException("the question is empty", nameof(question)) : new Prompt().Text("Question:").Append(question).Text("Answer:");
    }

    /// <summary>A question, answered with boxes.</summary>
    /// <param name="question">As for <see cref="Ask"/>.</param>
    /// <exception cref="ArgumentException">The question is empty.</exception>
    public static Prompt GroundedAsk(Prompt question) => Grounded(Ask(question));

    private static Prompt Grounded(Prompt prompt) => new Prompt().Grounded().Append(prompt);
}
