using Kosmos2.Engine.Model;

namespace Kosmos2.Engine;

/// <summary>One call for scores: all texts in one pass over what they share, logits only for the rows that predict a scored token.</summary>
/// <param name="engine">The engine, whose turn it is.</param>
internal sealed class ScoreRun(Kosmos2Engine engine)
{
    // Rows of logits at a time: 512 of the published model are 133 MB.
    private const int RowsAtOnce = 512;

    private readonly PromptPreparer _preparer = engine.CreatePreparer();

    /// <summary>A prompt with the text to be scored at its end.</summary>
    /// <param name="Text">The text, to be shown.</param>
    /// <param name="Prompt">All tokens; the first scored one is behind <see cref="PreparedPrompt.MaxPrefix"/>.</param>
    private sealed record Candidate(string Text, PreparedPrompt Prompt)
    {
        /// <summary>The first scored token.</summary>
        public int Start => Prompt.MaxPrefix + 1;

        /// <summary>How many tokens are scored.</summary>
        public int Count => Prompt.Ids.Length - Start;
    }

    /// <summary>Scores texts behind a prompt.</summary>
    /// <param name="prompt">What stands before them.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="startOf">Given all tokens of prompt and text: the first token that is scored; null for the text's first.</param>
    /// <param name="cancellation">Looked at between passes.</param>
    public TextScore[] Run(Prompt prompt, IReadOnlyList<Prompt> texts, Func<int[], int>? startOf, CancellationToken cancellation)
    {
        if (texts.Count == 0)
            throw new ArgumentException("there is nothing to score", nameof(texts));
        int before = prompt.IsEmpty ? 1 : _preparer.Prepare(prompt).Ids.Length;
        Candidate[] candidates = [.. texts.Select(text => Prepare(prompt, text, before, startOf))];
        var scores = new List<TextScore>();
        foreach (ArraySegment<Candidate> part in Parts(candidates))
        {
            cancellation.ThrowIfCancellationRequested();
            scores.AddRange(Score(part));
        }
        return [.. scores];
    }

    private Candidate Prepare(Prompt prompt, Prompt text, int before, Func<int[], int>? startOf)
    {
        if (text is null || text.IsEmpty)
            throw new ArgumentException("a text to be scored is empty", nameof(text));
        PreparedPrompt whole = _preparer.Prepare(prompt.Append(text));
        int start = startOf?.Invoke(whole.Ids) ?? before;
        string shown = text.Write(engine.Processor.Grid);
        return start < whole.Ids.Length
            ? new Candidate(shown, whole with { MaxPrefix = start - 1 })
            : throw new ArgumentException($"the text \"{shown}\" has no tokens", nameof(text));
    }

    private static IEnumerable<ArraySegment<Candidate>> Parts(Candidate[] candidates)
    {
        int first = 0, rows = 0;
        for (int i = 0; i < candidates.Length; i++)
        {
            if (i > first && rows + candidates[i].Count > RowsAtOnce)
            {
                yield return new ArraySegment<Candidate>(candidates, first, i - first);
                (first, rows) = (i, 0);
            }
            rows += candidates[i].Count;
        }
        yield return new ArraySegment<Candidate>(candidates, first, candidates.Length - first);
    }

    private TextScore[] Score(ArraySegment<Candidate> candidates)
    {
        using var batch = new SequenceBatch(engine.Model, engine.Prefixes, [.. candidates.Select(candidate => candidate.Prompt)]);
        batch.Encode(engine.Pictures, _preparer.PixelsOf);
        batch.RunSharedBeginnings();
        SequenceInput[] sequences = batch.Sequences();
        ForwardOutput output = engine.Model.Forward(sequences, batch.Given, LogitRows.None);
        var scores = new TextScore[candidates.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            int[] tokens = candidates[i].Prompt.Ids[candidates[i].Start..];
            var logProbabilities = new double[tokens.Length];
            for (int t = 0; t < tokens.Length; t++)
            {
                ReadOnlySpan<float> logits = output.Row(i, t);
                logProbabilities[t] = logits[tokens[t]] - CrossEntropy.LogSumExp(logits);
            }
            scores[i] = new TextScore(candidates[i].Text, tokens, logProbabilities);
            sequences[i].Prefilled?.Invoke(sequences[i].Cache!);
        }
        return scores;
    }
}
