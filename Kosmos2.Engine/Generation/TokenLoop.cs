using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// Greedy decoding and sampling: every running sequence gets a token a step, and those that the grammar forces after it; requests join between
/// steps, and sequences leave when they end. Where the settings can be said to the device (<see cref="GenerationPlan.DeviceChoice"/>) it chooses, and only
/// token ids are read back, and in phrases and boxes what the model thought of them; a step in which it chooses for all allocates nothing but that.
/// </summary>
internal sealed class TokenLoop(IDecodeSession session)
{
    private readonly TokenSampler _sampler = new(session.VocabularySize);
    private readonly StepChoices _choices = new();
    private readonly List<Row> _rows = []; // as many as the session has sequences, in the same order
    private int[] _pending = new int[8];
    private float[] _raw = []; // [vocabulary] scores before processing
    private TokenEvidence?[] _evidence = [];
    private int[] _counts = [];
    private int[] _chosen = [];
    private int[] _parents = [];

    /// <summary>A running sequence and which of its request's answers it becomes.</summary>
    private readonly record struct Row(RunningSequence Sequence, GenerationRequest Request, int Answer);

    /// <summary>Running sequences.</summary>
    public int Count => _rows.Count;

    /// <summary>Adds a request, whose prompt joins the session as its last sequence.</summary>
    /// <exception cref="ArgumentException">The prompt leaves no room for a new token.</exception>
    public void Add(GenerationRequest request) => _rows.Add(new Row(request.Begin(), request, 0));

    /// <summary>Moves all running sequences on by a token. Afterwards only those that go on are running, in the session too.</summary>
    /// <param name="ended">Receives the requests that have ended.</param>
    public void Step(List<GenerationRequest> ended)
    {
        DropCancelled(ended);
        if (_rows.Count == 0)
            return;
        Forward();
        Split();
        Choose();
        Advance(ended);
    }

    private void DropCancelled(List<GenerationRequest> ended)
    {
        MakeRoom(_rows.Count);
        int kept = 0;
        for (int i = 0; i < _rows.Count; i++)
        {
            var (sequence, request, answer) = _rows[i];
            if (!request.IsCancelled)
            {
                Keep(i, kept++);
                continue;
            }
            int answers = AnswersOf(_rows[i]);
            for (int copy = 0; copy < answers; copy++)
                End(new Row(sequence, request, answer + copy), FinishReason.Cancelled, ended);
        }
        Leave(kept);
    }

    /// <summary>Runs the tokens that have been chosen and not run, and the prompts of new sequences.</summary>
    private void Forward()
    {
        int tokens = 0, sequences = 0;
        StepOutputs outputs = StepOutputs.None;
        foreach (var (sequence, request, _) in _rows)
        {
            outputs |= request.Plan.Outputs;
            if (sequence.RunLength == 0)
                continue; // the session knows its prompt
            ReadOnlySpan<int> next = sequence.Tokens[sequence.RunLength..];
            if (tokens + next.Length > _pending.Length)
                Array.Resize(ref _pending, (tokens + next.Length) * 2);
            next.CopyTo(_pending.AsSpan(tokens));
            tokens += next.Length;
            _counts[sequences++] = next.Length;
        }
        session.Forward(_pending.AsSpan(0, tokens), _counts.AsSpan(0, sequences), ListChoices(), outputs);
    }

    /// <summary>Lets a prompt that has just run be continued as often as it has answers.</summary>
    private void Split()
    {
        int total = 0;
        foreach (Row row in _rows)
            total += AnswersOf(row);
        if (total > _rows.Count)
        {
            MakeRoom(total);
            int place = 0, old = _rows.Count;
            for (int i = 0; i < old; i++)
            {
                var (sequence, request, answer) = _rows[i];
                int answers = AnswersOf(_rows[i]);
                for (int copy = 0; copy < answers; copy++)
                {
                    _parents[place++] = i;
                    _rows.Add(copy == 0 ? new Row(sequence, request, answer) : new Row(request.Begin(), request, copy));
                }
            }
            _rows.RemoveRange(0, old);
            session.Rearrange(_parents.AsSpan(0, total));
        }
        foreach (var (sequence, _, _) in _rows)
            sequence.RunLength = sequence.Length;
    }

    /// <summary>Answers that a row stands for: a prompt that has not run, all of its.</summary>
    private static int AnswersOf(Row row) => row.Sequence.RunLength == 0 ? row.Request.Plan.NumReturnSequences : 1;

    private void Choose()
    {
        bool onDevice = false;
        foreach (Row row in _rows)
            onDevice |= DeviceSuffices(row);
        if (onDevice)
            session.SelectTokens(_chosen.AsSpan(0, _rows.Count));
        for (int i = 0; i < _rows.Count; i++)
        {
            // Where no token is possible the host chooses as ever.
            if (!DeviceSuffices(_rows[i]) || _chosen[i] < 0)
                _chosen[i] = ChooseOnHost(_rows[i], i, out _evidence[i]);
            else if (_rows[i].Request.Plan.Grammar is { } grammar)
                _evidence[i] = TokenEvidence.OfTold(grammar, _rows[i].Sequence.Grounding, _chosen[i], session.ToldOf(i));
        }
    }

    // Answers that begin together have one row of logits, and each its own random number. A step knows the kinds of tokens of one grammar.
    private bool DeviceSuffices(Row row)
    {
        GenerationPlan plan = row.Request.Plan;
        return plan.DeviceChoice is not null
            && !(plan.DoSample && plan.NumReturnSequences > 1 && row.Sequence.NewCount == 0)
            && (plan.Grammar is null || plan.Grammar == (_choices.Grammar ?? plan.Grammar));
    }

    private int ChooseOnHost(Row row, int index, out TokenEvidence? evidence)
    {
        var (sequence, request, answer) = row;
        GenerationPlan plan = request.Plan;
        StepOutput? output = plan.Outputs == StepOutputs.None ? null : session.OutputOf(index, plan.Outputs);
        Span<float> scores = session.LogitsOf(index);
        if (_raw.Length == 0 && plan.Grammar is not null)
            _raw = new float[session.VocabularySize];
        TokenScorer.Process(plan, sequence, scores, _raw);
        int token = plan.DoSample ? _sampler.Draw(scores, request.RandomOf(answer), sequence.NewCount) : TokenSampler.Likeliest(scores);
        sequence.Keep(scores[token], scores, output);
        evidence = plan.Grammar is { } grammar ? TokenEvidence.Of(grammar, sequence.Grounding, token, _raw) : null;
        return token;
    }

    private void Advance(List<GenerationRequest> ended)
    {
        int kept = 0;
        for (int i = 0; i < _rows.Count; i++)
        {
            FinishReason? finish = Append(_rows[i], _chosen[i], _evidence[i]) ?? AppendForced(_rows[i]);
            _evidence[i] = null;
            if (finish is { } reason)
                End(_rows[i], reason, ended);
            else
                Keep(i, kept++);
        }
        Leave(kept);
    }

    /// <summary>
    /// Appends the tokens that can only be what they are: they run with the next pass, and those at the end with none. Where a pass's outputs are to be
    /// kept for each token, each gets a pass.
    /// </summary>
    private static FinishReason? AppendForced(Row row)
    {
        GenerationPlan plan = row.Request.Plan;
        FinishReason? finish = null;
        while (finish is null && plan.Outputs == StepOutputs.None && plan.Constraint?.Forced(row.Sequence) is { } token)
        {
            row.Sequence.KeepForcedScores(token, plan.VocabularySize);
            finish = Append(row, token, TokenEvidence.OfForced(plan.Grammar!, token));
        }
        return finish;
    }

    private static FinishReason? Append(Row row, int token, TokenEvidence? evidence)
    {
        var (sequence, request, answer) = row;
        FinishReason? finish = sequence.Append(token, request.Stopping.After(sequence, token), evidence);
        request.Report(answer, sequence.NewCount - 1, token, finish);
        return finish;
    }

    private static void End(Row row, FinishReason reason, List<GenerationRequest> ended)
    {
        if (row.Request.End(row.Answer, row.Sequence.Finish(reason)))
            ended.Add(row.Request);
    }

    private void Keep(int index, int place)
    {
        _rows[place] = _rows[index];
        _parents[place] = index;
    }

    private void Leave(int kept)
    {
        if (kept == _rows.Count)
            return;
        _rows.RemoveRange(kept, _rows.Count - kept);
        session.Rearrange(_parents.AsSpan(0, kept));
    }

    /// <summary>How the device chooses, or null where it is the likeliest token for all.</summary>
    private StepChoices? ListChoices()
    {
        bool any = false;
        _choices.Clear();
        foreach (Row row in _rows)
        {
            var (sequence, request, answer) = row;
            GenerationPlan plan = request.Plan;
            TokenChoice choice = default;
            TokenRule rule = default;
            if (DeviceSuffices(row))
            {
                _choices.Grammar ??= plan.Grammar;
                choice = plan.DeviceChoice.GetValueOrDefault();
                if (plan.DoSample)
                    choice = choice with { Uniform = TokenChoice.Fraction(request.RandomOf(answer).Uniform(sequence.NewCount, 0)) };
                if (choice.IsDrawn && choice.Penalty != 1)
                    _choices.Penalised.Add(sequence.Tokens);
                foreach (ILogitsProcessor processor in plan.Processors)
                    ((IDeviceProcessor)processor).Ban(sequence.View, _choices.Bans);
                rule = plan.Constraint?.RuleOf(sequence, _choices.Bans) ?? default;
                if (plan.Grammar is not null)
                    rule = rule with { Reading = TokenEvidence.ReadingAt(sequence.Grounding) };
                any |= choice.IsDrawn || plan.Processors.Length > 0 || rule != default;
            }
            _choices.EndSequence(choice, rule);
        }
        return any ? _choices : null;
    }

    private void MakeRoom(int rows)
    {
        if (rows <= _chosen.Length)
            return;
        Array.Resize(ref _counts, rows * 2);
        Array.Resize(ref _chosen, rows * 2);
        Array.Resize(ref _evidence, rows * 2);
        Array.Resize(ref _parents, rows * 2);
    }
}
