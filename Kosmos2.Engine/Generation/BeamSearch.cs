namespace Kosmos2.Engine.Generation;

/// <summary>
/// Beam search, and beam sampling with do_sample: keeps the num_beams likeliest ways to go on, of which each prompt has its own. A step runs
/// the beams of all unfinished prompts together; the session shares and moves their caches.
/// </summary>
internal sealed class BeamSearch
{
    private readonly IDecodeSession _session;
    private readonly GenerationPlan _plan;
    private readonly StoppingRules _stopping;
    private readonly TopCandidates _candidates;
    private readonly int _candidateCount;

    /// <summary>Prepares a search.</summary>
    public BeamSearch(IDecodeSession session, GenerationPlan plan, StoppingRules stopping)
    {
        _session = session;
        _plan = plan;
        _stopping = stopping;

        // If the best num_beams candidates end, as many others must be there to go on: a beam has one candidate for each way to end.
        long wanted = Math.Max(2L, 1 + plan.EndOfSequence.Length) * plan.NumBeams;
        _candidateCount = (int)Math.Min(wanted, (long)plan.NumBeams * plan.VocabularySize);
        _candidates = new TopCandidates(_candidateCount);
    }

    /// <summary>Runs the prompts to their ends.</summary>
    public GenerationResult Run(IReadOnlyList<int[]> prompts, CancellationToken cancellation)
    {
        BeamGroup[] groups = [.. prompts.Select((tokens, i) => new BeamGroup(i, tokens, _plan, _stopping))];
        List<BeamGroup> running = [.. groups];
        bool cancelled = cancellation.IsCancellationRequested;
        if (running.Count > 0 && !cancelled)
        {
            Prefill(prompts.Count);
            while (Step(running) && !(cancelled = cancellation.IsCancellationRequested))
                _session.Forward([.. running.SelectMany(g => g.Tokens)]);
        }
        return new GenerationResult([.. groups.SelectMany(g => g.Results(cancelled))], _plan.PadTokenId, cancelled);
    }

    private void Prefill(int promptCount)
    {
        _session.Forward();
        _session.Rearrange([.. Enumerable.Range(0, promptCount * _plan.NumBeams).Select(row => row / _plan.NumBeams)]);
    }

    /// <summary>Moves every group on by a token; afterwards only unfinished ones are running, in the session too.</summary>
    /// <returns>Whether any goes on.</returns>
    private bool Step(List<BeamGroup> running)
    {
        List<int> parents = [];
        for (int g = 0; g < running.Count; g++)
        {
            BeamGroup group = running[g];
            int firstRow = g * _plan.NumBeams;
            ProcessScores(group, firstRow);
            group.Step(_plan.DoSample ? DrawCandidates(group, firstRow) : BestCandidates(group, firstRow), beam => _session.LogitsOf(firstRow + beam));
            if (!group.Done)
                parents.AddRange(group.Parents.Select(beam => firstRow + beam));
        }
        running.RemoveAll(g => g.Done);
        if (running.Count > 0)
            _session.Rearrange([.. parents]);
        return running.Count > 0;
    }

    /// <summary>Turns each beam's logits into processed log probabilities.</summary>
    private void ProcessScores(BeamGroup group, int firstRow)
    {
        for (int beam = 0; beam < _plan.NumBeams; beam++)
        {
            Span<float> scores = _session.LogitsOf(firstRow + beam);
            Softmax.LogInPlace(scores);
            SequenceView view = group.Running[beam].View;
            foreach (ILogitsProcessor processor in _plan.Processors)
                processor.Process(view, scores);
        }
    }

    private ReadOnlySpan<BeamCandidate> BestCandidates(BeamGroup group, int firstRow)
    {
        _candidates.Clear();
        for (int beam = 0; beam < _plan.NumBeams; beam++)
            _candidates.Offer(beam, group.Scores[beam], _session.LogitsOf(firstRow + beam));
        return _candidates.Best;
    }

    /// <summary>Draws different candidates in proportion to the probability of the whole sequence.</summary>
    private BeamCandidate[] DrawCandidates(BeamGroup group, int firstRow)
    {
        int vocabulary = _plan.VocabularySize;
        float[] sums = new float[_plan.NumBeams * vocabulary]; // [beams][vocabulary]
        for (int beam = 0; beam < _plan.NumBeams; beam++)
        {
            Span<float> scores = _session.LogitsOf(firstRow + beam);
            for (int token = 0; token < vocabulary; token++)
                sums[(beam * vocabulary) + token] = group.Scores[beam] + scores[token];
        }
        float[] weights = new float[sums.Length];
        Softmax.Of(sums, weights);
        int[] drawn = new int[_candidateCount];
        RunningSequence first = group.Running[0];
        TokenSampler.DrawDistinct(weights, _plan.Random.Of(first.Prompt), first.NewCount, drawn);
        return [.. drawn.Select(i => new BeamCandidate(sums[i], i / vocabulary, i % vocabulary))];
    }
}
