using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <content>Likelihoods instead of answers: which of several texts fits a picture best. All texts run in one pass behind what they share.</content>
public sealed partial class Kosmos2Engine
{
    private const string AnswerMark = "Answer:";

    /// <summary>Chooses among answers to a question by their likelihood, as the evaluation on SEED-Bench does.</summary>
    /// <remarks>
    /// Each choice is put behind <c>Question: ... Answer:</c>, without <c>&lt;grounding&gt;</c>. Its score is the mean logarithm of the probabilities of all
    /// tokens behind the first <c>Answer:</c>; shares are the softmax of the scores.
    /// </remarks>
    /// <param name="image">The picture.</param>
    /// <param name="question">As for <see cref="Ask"/>.</param>
    /// <param name="choices">The answers to choose from, as in <c>["red", "blue"]</c>.</param>
    /// <param name="cancellation">Looked at between passes, and while other calls run.</param>
    /// <returns>All choices, the likeliest first.</returns>
    /// <exception cref="ArgumentException">There is no choice, or a text is empty or holds a tag.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public IReadOnlyList<RankedText> Choose(RgbImage image, Prompt question, IReadOnlyList<string> choices, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(choices);
        int[] mark = Processor.Tokenizer.Encode(AnswerMark, addSpecialTokens: false);
        TextScore[] scores = Score(image, Prompts.Ask(question), [.. choices.Select(choice => (Prompt)choice)], BehindFirst, cancellation);
        return Rank(choices, scores, score => score.MeanLogProbability);

        int BehindFirst(int[] ids) => ids.AsSpan().IndexOf(mark) + mark.Length;
    }

    /// <summary>Zero-shot classification: which label fits a picture.</summary>
    /// <remarks>
    /// Each label is put into the template, and the probability of all tokens from the label on is compared: shares are the softmax of
    /// <see cref="TextScore.LogLikelihood"/>, which is the model's own distribution over texts, restricted to these. A template that goes on behind the label, if only
    /// with a full stop, keeps a label from winning because it is the beginning of another.
    /// </remarks>
    /// <param name="image">The picture.</param>
    /// <param name="labels">The labels, as in <c>["a red ring", "a blue star"]</c>.</param>
    /// <param name="template">A text with <c>{}</c> where the label goes.</param>
    /// <param name="cancellation">Looked at between passes, and while other calls run.</param>
    /// <returns>All labels, the likeliest first.</returns>
    /// <exception cref="ArgumentException">There is no label, a text is empty or holds a tag, or the template has no <c>{}</c>.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public IReadOnlyList<RankedText> Classify(
        RgbImage image, IReadOnlyList<string> labels, string template = "An image of {}.", CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(template);
        int at = template.IndexOf("{}", StringComparison.Ordinal);
        if (at < 0)
            throw new ArgumentException($"the template \"{template}\" has no {{}} for the label", nameof(template));
        string before = template[..at].Trim(), after = template[(at + 2)..];
        if (labels.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException("a label is empty", nameof(labels));
        Prompt prompt = before.Length == 0 ? new Prompt() : before;
        TextScore[] scores = Score(image, prompt, [.. labels.Select(label => (Prompt)(label.Trim() + after))], null, cancellation);
        return Rank(labels, scores, score => score.LogLikelihood);
    }

    /// <summary>How likely texts are, given a picture: image-text scoring.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="texts">The texts, or prompts with phrases and boxes: <c>new Prompt().Phrase("a ring", box)</c> asks how well a box fits.</param>
    /// <param name="prompt">What stands between picture and text, such as <see cref="Prompts.Caption"/>; null for nothing.</param>
    /// <param name="cancellation">Looked at between passes, and while other calls run.</param>
    /// <returns>A score for each text, in their order.</returns>
    /// <exception cref="ArgumentException">There is no text, or one is empty, or a box leaves the picture.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public IReadOnlyList<TextScore> Score(RgbImage image, IReadOnlyList<Prompt> texts, Prompt? prompt = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return Score(image, prompt ?? new Prompt(), texts, null, cancellation);
    }

    private TextScore[] Score(RgbImage image, Prompt prompt, IReadOnlyList<Prompt> texts, Func<int[], int>? startOf, CancellationToken cancellation)
    {
        using (_turn.Take(cancellation))
            return new ScoreRun(this).Run(Show(image, prompt), texts, startOf, cancellation);
    }

    private static RankedText[] Rank(IReadOnlyList<string> texts, TextScore[] scores, Func<TextScore, double> value)
    {
        double[] values = [.. scores.Select(value)];
        double best = values.Max();
        double[] weights = [.. values.Select(x => Math.Exp(x - best))];
        double sum = weights.Sum();
        return [.. Enumerable.Range(0, texts.Count).Select(i => new RankedText(i, texts[i], weights[i] / sum, scores[i])).OrderByDescending(r => value(r.Score))];
    }
}
