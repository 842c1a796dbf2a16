namespace Kosmos2.Engine.Generation;

/// <summary>
/// Greedy decoding and sampling: every running sequence gets one token a step, and leaves the batch when it ends. Where nothing but
/// repeated n-grams is forbidden the device chooses, and only token ids are read back; such a step allocates nothing.
/// </summary>
internal sealed class TokenLoop(
    IDecodeSession session, GenerationPlan plan, StoppingRules stopping, TokenSampler sampler, IProgress<GeneratedToken>? progress)
{
    private readonly List<Row> _running = [];
    private readonly TokenBans? _bans = plan.ChoosesOnDevice && plan.NoRepeatNgramSize > 0 ? new TokenBans() : null;
    private GeneratedSequence[] _results = [];
    private int[] _tokens = [];
    private int[] _parents = [];

    /// <summary>A running sequence and its place among the results.</summary>
    private readonly record struct Row(RunningSequence Sequence, int Result);

    /// <summary>Runs the prompts to their ends.</summary>
    public GenerationResult Run(IReadOnlyList<int[]> prompts, CancellationToken cancellation)
    {
        int perPrompt = plan.NumReturnSequences;
        int total = checked(prompts.Count * perPrompt);
        for (int i = 0; i < total; i++)
            _running.Add(new Row(new RunningSequence(i / perPrompt, prompts[i / perPrompt], plan), i));
        _results = new GeneratedSequence[total];
        _tokens = new int[total];
        _parents = new int[total];

        bool cancelled = cancellation.IsCancellationRequested;
        if (total > 0 && !cancelled)
        {
            Prefill(perPrompt);
            while (Step() && !(cancelled = cancellation.IsCancellationRequested))
                session.Append(_tokens.AsSpan(0, _running.Count), bans: ListBans());
        }
        foreach (var (sequence, result) in _running)
            _results[result] = sequence.Finish(FinishReason.Cancelled);
        return new GenerationResult(_results, plan.PadTokenId, cancelled);
    }

    private void Prefill(int perPrompt)
    {
        session.Prefill(ListBans());
        if (perPrompt == 1)
            return;
        for (int i = 0; i < _parents.Length; i++)
            _parents[i] = i / perPrompt;
        session.Rearrange(_parents);
    }

    /// <summary>Chooses a token for each running sequence; afterwards only those that go on are running, in the session too.</summary>
    /// <returns>Whether any goes on.</returns>
    private bool Step()
    {
        if (plan.ChoosesOnDevice)
            session.SelectGreedy(_tokens.AsSpan(0, _running.Count));
        else
            ChooseOnHost();

        int kept = 0;
        for (int i = 0; i < _running.Count; i++)
        {
            var (sequence, result) = _running[i];
            int token = _tokens[i];
            FinishReason? finish = stopping.After(sequence, token);
            sequence.Append(token);
            progress?.Report(new GeneratedToken(result, sequence.NewCount - 1, token, finish));
            if (finish is { } reason)
            {
                _results[result] = sequence.Finish(reason);
                continue;
            }
            _running[kept] = _running[i];
            _tokens[kept] = token;
            _parents[kept++] = i;
        }
        if (kept > 0 && kept < _running.Count)
            session.Rearrange(_parents.AsSpan(0, kept));
        _running.RemoveRange(kept, _running.Count - kept);
        return kept > 0;
    }

    private void ChooseOnHost()
    {
        for (int i = 0; i < _running.Count; i++)
        {
            var (sequence, result) = _running[i];
            Span<float> scores = session.LogitsOf(i);
            SequenceView view = sequence.View;
            foreach (ILogitsProcessor processor in plan.Processors)
                processor.Process(view, scores);
            int token = plan.DoSample ? sampler.Draw(scores, result, sequence.NewCount) : TokenSampler.Likeliest(scores);
            sequence.KeepScores(scores[token], scores);
            _tokens[i] = token;
        }
    }

    /// <summary>What the device may not choose next.</summary>
    private TokenBans? ListBans()
    {
        if (_bans is null)
            return null;
        _bans.Clear();
        foreach (var (sequence, _) in _running)
        {
            foreach (int token in sequence.Ngrams!.Followers(sequence.Tokens))
                _bans.Add(token);
            _bans.EndSequence();
        }
        return _bans;
    }
}
