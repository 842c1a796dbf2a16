namespace Kosmos2.Engine.Generation;

/// <summary>
/// The beams of one prompt: those that run, and the best that have finished. The rules are those of transformers 4.57's vectorised beam
/// search, in single precision as there, so that scores and choices are the same.
/// </summary>
internal sealed class BeamGroup
{
    /// <summary>Score of what is not there: a place not yet taken, a beam that is no beam yet.</summary>
    private const float Nothing = -1e9f;

    private readonly IDecodeSession _session;
    private readonly GenerationPlan _plan;
    private readonly StoppingRules _stopping;
    private readonly List<FinishedBeam> _finished = [];
    private readonly List<Ending> _endings = [];
    private readonly List<int> _order = [];
    private readonly float[] _scores;
    private readonly float[] _raw; // [beams][vocabulary], shared by the groups of a search
    private readonly StepOutput?[] _outputs;
    private readonly RunningSequence _empty;
    private RunningSequence[] _running;
    private RunningSequence[] _next;
    private bool _improvementPossible = true;

    /// <summary>Begins with as many copies of the prompt as there are beams; only the first counts, or all would go the same way.</summary>
    public BeamGroup(int prompt, int[] promptTokens, IDecodeSession session, GenerationPlan plan, StoppingRules stopping, float[] raw)
    {
        _session = session;
        _plan = plan;
        _stopping = stopping;
        _raw = raw;
        _empty = new RunningSequence(prompt, promptTokens, plan);
        _running = NewSequences();
        _next = NewSequences();
        _scores = new float[plan.NumBeams];
        _scores.AsSpan(1).Fill(Nothing);
        _outputs = new StepOutput?[plan.NumBeams];
        Parents = new int[plan.NumBeams];
        Tokens = new int[plan.NumBeams];

        RunningSequence[] NewSequences() => [.. Enumerable.Range(0, plan.NumBeams).Select(_ => new RunningSequence(prompt, promptTokens, plan))];
    }

    /// <summary>The running beams.</summary>
    public ReadOnlySpan<RunningSequence> Running => _running;

    /// <summary>The session's sequence that is the first of the running beams; the others follow.</summary>
    public int FirstRow { get; set; }

    /// <summary>[beams] their log probabilities.</summary>
    public ReadOnlySpan<float> Scores => _scores;

    /// <summary>[beams] after a step: the beam that each running beam continues.</summary>
    public int[] Parents { get; }

    /// <summary>[beams] after a step: the token that was added to it.</summary>
    public int[] Tokens { get; }

    /// <summary>Whether no further step can change the result.</summary>
    public bool Done { get; private set; }

    private int NumBeams => _plan.NumBeams;

    private bool AllFinished => _finished.Count == NumBeams;

    private readonly record struct FinishedBeam(RunningSequence Sequence, float Score, FinishReason Reason);

    /// <summary>[vocabulary] a beam's logits after the last pass; after <see cref="ProcessScores"/> its processed log probabilities.</summary>
    public Span<float> ScoresOf(int beam) => _session.LogitsOf(FirstRow + beam);

    /// <summary>[vocabulary] a beam's log probabilities before processing; empty without a grammar.</summary>
    private Span<float> RawOf(int beam) => _raw.Length == 0 ? default : _raw.AsSpan(beam * _plan.VocabularySize, _plan.VocabularySize);

    /// <summary>Turns each beam's logits into processed log probabilities.</summary>
    public void ProcessScores()
    {
        for (int beam = 0; beam < NumBeams; beam++)
        {
            if (_plan.Outputs != StepOutputs.None)
                _outputs[beam] = _session.OutputOf(FirstRow + beam, _plan.Outputs);
            Span<float> scores = ScoresOf(beam);
            Softmax.LogInPlace(scores);
            TokenScorer.Process(_plan, _running[beam], scores, RawOf(beam));
        }
    }

    /// <summary>Takes one step, after <see cref="ProcessScores"/>.</summary>
    /// <param name="candidates">The best ways to go on, best first (drawn ones in the order of drawing); more than there are beams.</param>
    public void Step(ReadOnlySpan<BeamCandidate> candidates)
    {
        _endings.Clear();
        foreach (BeamCandidate candidate in candidates)
            _endings.Add(_stopping.After(_running[candidate.Beam], candidate.Token));
        KeepFinished(candidates);
        Continue(candidates);
        Done = IsDone();
    }

    /// <summary>The answers, best first: <c>num_return_sequences</c> of them, or as many as there are ways to go on; at least one.</summary>
    /// <param name="cancelled">Whether running beams count as they are.</param>
    public IEnumerable<GeneratedSequence> Results(bool cancelled)
    {
        IEnumerable<FinishedBeam> all = _finished;
        if (cancelled && !Done)
        {
            all = all.Concat(_running.Zip(_scores, (sequence, score) =>
                new FinishedBeam(sequence, Normalised(score, Math.Max(1, sequence.NewCount)), FinishReason.Cancelled)));
        }
        else if (_finished.Count == 0)
        {
            all = [new FinishedBeam(_empty, float.NegativeInfinity, FinishReason.NoContinuation)];
        }
        return all.OrderByDescending(f => f.Score).Take(_plan.NumReturnSequences).Select(f => f.Sequence.Finish(f.Reason, f.Score));
    }

    /// <summary>Lets the candidates that end enter the list of finished beams, if they are good enough.</summary>
    /// <remarks>
    /// Only the first num_beams candidates may: the others are there so that enough beams can go on. A beam that is no beam never may: where
    /// fewer tokens are allowed than there are beams, transformers fills its list with such ones.
    /// </remarks>
    private void KeepFinished(ReadOnlySpan<BeamCandidate> candidates)
    {
        if (!_improvementPossible || (AllFinished && _plan.EarlyStopping == EarlyStopping.True))
            return;
        for (int i = 0; i < Math.Min(NumBeams, candidates.Length); i++)
        {
            var (score, beam, token) = candidates[i];
            if (_endings[i].Finish is not { } reason || !IsBeam(score))
                continue;
            float normalised = Normalised(score, _running[beam].NewCount + 1);
            if (normalised <= (AllFinished ? _finished[^1].Score : Nothing))
                continue;
            RunningSequence sequence = _running[beam].Clone();
            Extend(sequence, token, beam, _endings[i]);

            // After the equal ones, which were there first.
            int place = _finished.FindIndex(f => f.Score < normalised);
            _finished.Insert(place < 0 ? _finished.Count : place, new FinishedBeam(sequence, normalised, reason));
            if (_finished.Count > NumBeams)
                _finished.RemoveAt(NumBeams);
        }
    }

    /// <summary>Chooses the beams that run on: the best candidates that do not end, and ended ones only where there are no others.</summary>
    private void Continue(ReadOnlySpan<BeamCandidate> candidates)
    {
        // Best first, of equal ones the earlier. They come nearly in order, so that each has few places to move.
        _order.Clear();
        for (int i = 0; i < candidates.Length; i++)
        {
            int position = i;
            while (position > 0 && ScoreToContinue(candidates, _order[position - 1]) < ScoreToContinue(candidates, i))
                position--;
            _order.Insert(position, i);
        }
        for (int place = 0; place < NumBeams; place++)
        {
            var (_, beam, token) = candidates[_order[place]];
            _next[place].CopyFrom(_running[beam]);
            Extend(_next[place], token, beam, _endings[_order[place]]);
            Parents[place] = beam;
            Tokens[place] = token;
        }
        for (int place = 0; place < NumBeams; place++)
            _scores[place] = ScoreToContinue(candidates, _order[place]);
        (_running, _next) = (_next, _running);
    }

    private float ScoreToContinue(ReadOnlySpan<BeamCandidate> candidates, int index) => candidates[index].Score + (_endings[index].Ends ? Nothing : 0);

    private bool IsDone()
    {
        // Could the best running beam still enter the list? Its score at the length that suits it best is compared with the worst one there.
        bool toTheLimit = _plan.EarlyStopping == EarlyStopping.Never && _plan.LengthPenalty > 0;
        int length = toTheLimit ? _running[0].MaxLength - _running[0].PromptLength : _running[0].NewCount;
        float worst = AllFinished ? _finished[^1].Score : Nothing;
        _improvementPossible &= IsBeam(_scores[0]) && Normalised(_scores[0], length) > worst;

        bool enough = AllFinished && _plan.EarlyStopping == EarlyStopping.True;
        bool allEnd = _endings.TrueForAll(e => e.Ends);
        return !_improvementPossible || enough || allEnd;
    }

    private static bool IsBeam(float score) => score > Nothing / 2;

    private float Normalised(float score, int length) => score / (float)Math.Pow(length, _plan.LengthPenalty);

    private void Extend(RunningSequence sequence, int token, int beam, Ending ending)
    {
        ReadOnlySpan<float> scores = ScoresOf(beam);
        sequence.Keep(scores[token], scores, _outputs[beam], beam);
        TokenEvidence? evidence = _plan.Grammar is { } grammar ? TokenEvidence.Of(grammar, sequence.Grounding, token, RawOf(beam)) : null;
        sequence.Append(token, ending, evidence);
    }
}
