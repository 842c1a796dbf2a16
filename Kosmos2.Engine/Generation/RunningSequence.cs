namespace Kosmos2.Engine.Generation;

/// <summary>A sequence while it grows: its tokens, and what is kept about them.</summary>
internal sealed class RunningSequence
{
    private readonly List<float>? _chosenScores;
    private readonly List<float[]>? _scores;
    private readonly List<StepOutput>? _outputs;
    private readonly List<int>? _beamIndices;
    private readonly List<TokenEvidence?>? _evidence;
    private readonly GroundingGrammar? _grammar;
    private int[] _tokens;

    /// <summary>Begins with a prompt.</summary>
    /// <param name="prompt">The prompt's index.</param>
    /// <param name="promptTokens">Its tokens, at least one.</param>
    /// <param name="plan">The call's settings.</param>
    public RunningSequence(int prompt, ReadOnlySpan<int> promptTokens, GenerationPlan plan)
    {
        Prompt = prompt;
        PromptLength = Length = promptTokens.Length;
        (MaxLength, LengthReason) = plan.Limit(promptTokens.Length);

        // Room for all that may come, so that a step allocates nothing; without end only where the limit is far.
        int capacity = (int)Math.Min(MaxLength, promptTokens.Length + 4096L);
        _tokens = new int[capacity];
        promptTokens.CopyTo(_tokens);
        if (plan.NoRepeatNgramSize > 0)
        {
            Ngrams = new NgramIndex(plan.NoRepeatNgramSize);
            Ngrams.Reserve(capacity);
            Ngrams.Extend(Tokens);
        }
        if (plan.Grammar is not null)
        {
            _grammar = plan.Grammar;
            _evidence = [];
            Grounding = _grammar.After(Tokens);
        }
        if (plan.Scores != ScoreOutput.None)
            _chosenScores = [];
        if (plan.Scores == ScoreOutput.All)
            _scores = [];
        if (plan.Outputs != StepOutputs.None)
            _outputs = [];
        if (plan.NumBeams > 1)
            _beamIndices = [];
    }

    private RunningSequence(RunningSequence other)
    {
        (Prompt, PromptLength, MaxLength, LengthReason) = (other.Prompt, other.PromptLength, other.MaxLength, other.LengthReason);
        _tokens = new int[other._tokens.Length];
        Ngrams = other.Ngrams is null ? null : new NgramIndex(other.Ngrams.Size);
        _chosenScores = other._chosenScores is null ? null : [];
        _scores = other._scores is null ? null : [];
        _outputs = other._outputs is null ? null : [];
        _beamIndices = other._beamIndices is null ? null : [];
        _evidence = other._evidence is null ? null : [];
        _grammar = other._grammar;
    }

    /// <summary>The prompt's index.</summary>
    public int Prompt { get; }

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength { get; }

    /// <summary>Length at which the sequence ends.</summary>
    public int MaxLength { get; }

    /// <summary>What to call it when that length is reached.</summary>
    public FinishReason LengthReason { get; }

    /// <summary>Tokens so far, the prompt's included.</summary>
    public int Length { get; private set; }

    /// <summary>Tokens that have been run; the others are still to be. 0 for a prompt that has not run.</summary>
    public int RunLength { get; set; }

    /// <summary>New tokens so far.</summary>
    public int NewCount => Length - PromptLength;

    /// <summary>All tokens so far.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Length);

    /// <summary>The runs among them, when no_repeat_ngram_size asks.</summary>
    public NgramIndex? Ngrams { get; }

    /// <summary>Where it stands in the grounding grammar, if there is one.</summary>
    public GroundingState Grounding { get; private set; }

    /// <summary>Why it ends as soon as all that is open is closed; null when nothing asks for that.</summary>
    public FinishReason? Closing { get; private set; }

    /// <summary>The sequence for processors and criteria.</summary>
    public SequenceView View => new(Tokens, PromptLength, MaxLength, Prompt, Ngrams);

    /// <summary>The sequence as it would be with one more token. Not for processors: the n-grams do not know of that token.</summary>
    public SequenceView ViewWith(int token)
    {
        MakeRoom();
        _tokens[Length] = token;
        return new SequenceView(_tokens.AsSpan(0, Length + 1), PromptLength, MaxLength, Prompt, null);
    }

    /// <summary>Adds a token.</summary>
    /// <param name="token">The token.</param>
    /// <param name="ending">What becomes of the sequence with it.</param>
    /// <param name="evidence">What the model thought of it, if that is kept.</param>
    /// <returns>Why it ends with it, or null.</returns>
    public FinishReason? Append(int token, Ending ending, TokenEvidence? evidence)
    {
        MakeRoom();
        _tokens[Length++] = token;
        Ngrams?.Extend(Tokens);
        Closing = ending.Reason;
        _evidence?.Add(evidence);
        if (_grammar is not null)
            Grounding = _grammar.After(Grounding, token);
        return ending.Finish;
    }

    /// <summary>Keeps what a step gave, as far as it was asked for.</summary>
    /// <param name="chosen">The score of the token that is appended with it.</param>
    /// <param name="scores">[vocabulary] all of them; copied.</param>
    /// <param name="output">The rest, or null where nothing else was asked for.</param>
    /// <param name="beam">The beam that the token continues.</param>
    public void Keep(float chosen, ReadOnlySpan<float> scores, StepOutput? output, int beam = 0)
    {
        _chosenScores?.Add(chosen);
        _scores?.Add(scores.ToArray());
        _outputs?.Add(output!);
        _beamIndices?.Add(beam);
    }

    /// <summary>Keeps, for a token that was the only one allowed, what Hugging Face has for a forced token: score 0, all others forbidden.</summary>
    public void KeepForcedScores(int token, int vocabularySize)
    {
        _chosenScores?.Add(0);
        if (_scores is null)
            return;
        float[] scores = new float[vocabularySize];
        scores.AsSpan().Fill(float.NegativeInfinity);
        scores[token] = 0;
        _scores.Add(scores);
    }

    /// <summary>A copy that grows on its own.</summary>
    public RunningSequence Clone()
    {
        var copy = new RunningSequence(this);
        copy.CopyFrom(this);
        return copy;
    }

    /// <summary>Becomes a copy of another sequence with the same prompt.</summary>
    public void CopyFrom(RunningSequence other)
    {
        if (_tokens.Length < other.Length)
            _tokens = new int[other._tokens.Length];
        other.Tokens.CopyTo(_tokens);
        Length = other.Length;
        Ngrams?.CopyFrom(other.Ngrams!);
        CopyList(other._chosenScores, _chosenScores);
        CopyList(other._scores, _scores);
        CopyList(other._outputs, _outputs);
        CopyList(other._beamIndices, _beamIndices);
        CopyList(other._evidence, _evidence);
        (Grounding, Closing) = (other.Grounding, other.Closing);
    }

    /// <summary>The sequence as a result.</summary>
    public GeneratedSequence Finish(FinishReason reason, float? score = null) => new()
    {
        Prompt = Prompt,
        Tokens = Tokens[PromptLength..].ToArray(),
        FinishReason = reason,
        Score = score,
        ChosenScores = _chosenScores?.ToArray(),
        Scores = _scores?.ToArray(),
        Logits = Outputs(output => output.Logits),
        HiddenStates = Outputs(output => output.HiddenStates),
        Attentions = Outputs(output => output.Attentions),
        BeamIndices = _beamIndices?.ToArray(),
        Evidence = _evidence?.ToArray(),
    };

    private T[]? Outputs<T>(Func<StepOutput, T?> part)
        where T : class =>
        _outputs is null || (_outputs.Count > 0 && part(_outputs[0]) is null) ? null : [.. _outputs.Select(output => part(output)!)];

    private void MakeRoom()
    {
        if (Length == _tokens.Length)
            Array.Resize(ref _tokens, (int)Math.Min(Array.MaxLength, Length * 2L));
    }

    private static void CopyList<T>(List<T>? from, List<T>? to)
    {
        to?.Clear();
        to?.AddRange(from!);
    }
}
