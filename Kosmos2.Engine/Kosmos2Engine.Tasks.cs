using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <content>
/// The tasks of KOSMOS-2, one method each: the prompt that it was trained on (<see cref="Prompts"/>), and an answer whose phrases and boxes are well formed
/// unless <see cref="GenerationConfig.WellFormedGrounding"/> says false. Several at once, also about different pictures, are a batch of prompts for Generate.
/// </content>
public sealed partial class Kosmos2Engine
{
    private static readonly GenerationConfig s_wellFormed = new() { WellFormedGrounding = true };

    /// <summary>Describes a picture in one sentence.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="grounded">Whether the things that it names come with boxes.</param>
    /// <param name="config">Settings; what is not set comes from the checkpoint, but for well-formed grounding, which is on.</param>
    /// <param name="cancellation">Ends the answer between two tokens; what there is by then is returned.</param>
    /// <exception cref="ArgumentException">A setting is unusable.</exception>
    public GroundedAnswer Caption(RgbImage image, bool grounded = true, GenerationConfig? config = null, CancellationToken cancellation = default) =>
        AnswerTask(image, grounded ? Prompts.GroundedCaption : Prompts.Caption, config, cancellation);

    /// <summary>Describes a picture in detail.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="grounded">Whether the things that it names come with boxes.</param>
    /// <param name="config">As for <see cref="Caption"/>.</param>
    /// <param name="cancellation">As for <see cref="Caption"/>.</param>
    /// <exception cref="ArgumentException">A setting is unusable.</exception>
    public GroundedAnswer Describe(RgbImage image, bool grounded = true, GenerationConfig? config = null, CancellationToken cancellation = default) =>
        AnswerTask(image, grounded ? Prompts.GroundedDetail : Prompts.Detail, config, cancellation);

    /// <summary>
    /// Finds what a phrase or a longer expression means: phrase grounding and referring expression comprehension. The first entity is the phrase with its
    /// boxes, when there are any.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="phrase">As in <c>a snowman next to a fire</c>.</param>
    /// <param name="caption">A caption that holds the phrase, to find it in this context (the protocol of Flickr30k Entities); null for none.</param>
    /// <param name="config">As for <see cref="Caption"/>.</param>
    /// <param name="cancellation">As for <see cref="Caption"/>.</param>
    /// <exception cref="ArgumentException">The phrase is empty, holds a tag or is not in the caption; or a setting is unusable.</exception>
    public GroundedAnswer Ground(
        RgbImage image, string phrase, string? caption = null, GenerationConfig? config = null, CancellationToken cancellation = default) =>
        AnswerTask(image, caption is null ? Prompts.Ground(phrase) : Prompts.Ground(phrase, caption), config, cancellation);

    /// <summary>Says what is in a box (referring expression generation), or goes on with a sentence about it.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="box">The box; <see cref="Box.FromPixels"/> takes pixels.</param>
    /// <param name="phrase">What stands for the thing in the box.</param>
    /// <param name="continuation">How the sentence begins: <c>is</c> to name the thing, <c>seats next to</c> for what is beside it.</param>
    /// <param name="config">As for <see cref="Caption"/>.</param>
    /// <param name="cancellation">As for <see cref="Caption"/>.</param>
    /// <exception cref="ArgumentException">The box leaves the picture, a text is empty or holds a tag, or a setting is unusable.</exception>
    public GroundedAnswer Refer(
        RgbImage image, PhraseBox box, string phrase = "It", string continuation = "is", GenerationConfig? config = null, CancellationToken cancellation = default) =>
        AnswerTask(image, Prompts.Refer(box, phrase, continuation), config, cancellation);

    /// <summary>Answers a question about a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="question">A text, or a prompt that refers to boxes: <c>Prompt.WithBoxes("What is next to the fire?", "the fire", box)</c>.</param>
    /// <param name="grounded">Whether the answer is to have boxes. A question with boxes is best asked so.</param>
    /// <param name="config">As for <see cref="Caption"/>.</param>
    /// <param name="cancellation">As for <see cref="Caption"/>.</param>
    /// <exception cref="ArgumentException">The question is empty or holds a tag, a box leaves the picture, or a setting is unusable.</exception>
    public GroundedAnswer Ask(
        RgbImage image, Prompt question, bool grounded = false, GenerationConfig? config = null, CancellationToken cancellation = default) =>
        AnswerTask(image, grounded ? Prompts.GroundedAsk(question) : Prompts.Ask(question), config, cancellation);

    private GroundedAnswer AnswerTask(RgbImage image, Prompt prompt, GenerationConfig? config, CancellationToken cancellation) =>
        Generate(image, prompt, config is null ? s_wellFormed : config.Over(s_wellFormed), null, cancellation);
}
