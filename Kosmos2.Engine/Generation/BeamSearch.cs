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
    private readonly TopCandidates _best;
    private readonly float[] _raw;
    private int[] _tokens = []; // [running beams of all prompts]
    private int[] _parents = [];

    // Where candidates are drawn: [beams][vocabulary] log probabilities of the sequences and their weights, and the candidates.
    private readonly float[] _sums = [];
    private readonly float[] _weights = [];
    private readonly int[] _drawnIndices = [];
    private readonly BeamCandidate[] _drawn = [];

    /// <summary>Prepares a search.</summary>
    public BeamSearch(IDecodeSession session, GenerationPlan plan, StoppingRules stopping)
    {
        _session = session;
        _plan = plan;
        _stopping = stopping;
        _raw = plan.Grammar is null ? [] : new float[checked(plan.NumBeams * plan.VocabularySize)];

        // If the best num_beams candidates end, as many others must be there to go on: a beam has one candidate for each way to end.
        long wanted = Math.Max(2L, 1 + plan.EndOfSequence.Length) * plan.NumBeams;
        int candidates = (int)Math.Min(wanted, (long)plan.NumBeams * plan.VocabularySize);
        _best = new TopCandidates(candidates);
        if (!plan.DoSample)
            return;
        _sums = new float[checked(plan.NumBeams * plan.VocabularySize)];
        _weights = new float[_sums.Length];
        _drawnIndices = new int[candidates];
        _drawn = new BeamCandidate[candidates];
    }

    /// <summary>Runs the prompts to their ends.</summary>
    public GenerationResult Run(IReadOnlyList<int[]> prompts, CancellationToken cancellation)
    {
        BeamGroup[] groups = [.. prompts.Select((tokens, i) => new BeamGroup(i, tokens, _session, _plan, _stopping, _raw))];
        List<BeamGroup> running = [.. groups];
        _tokens = new int[groups.Length * _plan.NumBeams];
        _parents = new int[_tokens.Length];
        bool cancelled = cancellation.IsCancellationRequested;
        if (running.Count > 0 && !cancelled)
        {
            Prefill();
            while (Step(running) && !(cancelled = cancellation.IsCancellationRequested))
                _session.Forward(_tokens.AsSpan(0, running.Count * _plan.NumBeams), outputs: _plan.Outputs);
        }
        return new GenerationResult([.. groups.SelectMany(g => g.Results(cancelled))], _plan.PadTokenId, cancelled);
    }

    private void Prefill()
    {
        _session.Forward(outputs: _plan.Outputs);
        for (int row = 0; row < _parents.Length; row++)
            _parents[row] = row / _plan.NumBeams;
        _session.Rearrange(_parents);
    }

    /// <summary>Moves every group on by a token; afterwards only unfinished ones are running, in the session too.</summary>
    /// <returns>Whether any goes on.</returns>
    private bool Step(List<BeamGroup> running)
    {
        int rows = 0;
        for (int g = 0; g < running.Count; g++)
        {
            BeamGroup group = running[g];
            group.FirstRow = g * _plan.NumBeams;
            group.ProcessScores();
            group.Step(_plan.DoSample ? DrawCandidates(group) : BestCandidates(group));
            for (int beam = 0; beam < _plan.NumBeams && !group.Done; beam++, rows++)
            {
                _parents[rows] = group.FirstRow + group.Parents[beam];
                _tokens[rows] = group.Tokens[beam];
            }
        }
        running.RemoveAll(g => g.Done);
        if (rows > 0)
            _session.Rearrange(_parents.AsSpan(0, rows));
        return rows > 0;
    }

    private ReadOnlySpan<BeamCandidate> BestCandidates(BeamGroup group)
    {
        _best.Clear();
        for (int beam = 0; beam < _plan.NumBeams; beam++)
            _best.Offer(beam, group.Scores[beam], group.ScoresOf(beam));
        return _best.Best;
    }

    /// <summary>Draws different candidates in proportion to the probability of the whole sequence.</summary>
    private ReadOnlySpan<BeamCandidate> DrawCandidates(BeamGroup group)
    {
        int vocabulary = _plan.VocabularySize;
        for (int beam = 0; beam < _plan.NumBeams; beam++)
        {
            ReadOnlySpan<float> scores = group.ScoresOf(beam);
            for (int token = 0; token < vocabulary; token++)
                _sums[(beam * vocabulary) + token] = group.Scores[beam] + scores[token];
        }
        Softmax.Of(_sums, _weights);
        RunningSequence first = group.Running[0];
        TokenSampler.DrawDistinct(_weights, _plan.Random.Of(first.Prompt), first.NewCount, _drawnIndices);
        for (int i = 0; i < _drawn.Length; i++)
            _drawn[i] = new BeamCandidate(_sums[_drawnIndices[i]], _drawnIndices[i] / vocabulary, _drawnIndices[i] % vocabulary);
        return _drawn;
    }
}
