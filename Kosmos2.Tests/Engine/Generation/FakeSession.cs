using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Reference;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>
/// A model whose logits are a pure function of the tokens so far, behind the session's contract, which it checks: what is called out of order or
/// with the wrong number of tokens fails the test.
/// </summary>
internal sealed class FakeSession : IDecodeSession
{
    /// <summary>How a sequence's token is chosen.</summary>
    private sealed record Choice(TokenChoice How, HashSet<int> Penalised, HashSet<int> Forbidden, TokenRule Rule)
    {
        public static Choice Likeliest { get; } = new(default, [], [], default);

        /// <summary>What the rule told.</summary>
        public float[] Told { get; set; } = [];
    }

    private readonly Action<ReadOnlySpan<int>, Span<float>> _model;
    private List<int[]> _histories;
    private List<float[]> _logits = [];
    private List<Choice> _choices = [];
    private List<bool> _haveRun;
    private TokenGrid _grid;

    /// <param name="prompts">The prompts.</param>
    /// <param name="vocabularySize">Length of a row.</param>
    /// <param name="model">Writes the logits that follow some tokens.</param>
    public FakeSession(IReadOnlyList<int[]> prompts, int vocabularySize, Action<ReadOnlySpan<int>, Span<float>> model)
    {
        _histories = [.. prompts];
        _haveRun = [.. prompts.Select(_ => false)];
        _model = model;
        VocabularySize = vocabularySize;
    }

    /// <summary>Logits that look random: normally distributed numbers keyed by a hash of the tokens.</summary>
    public static Action<ReadOnlySpan<int>, Span<float>> Noise(int seed, float scale = 2) => (tokens, logits) =>
    {
        uint hash = (uint)seed;
        foreach (int token in tokens)
            hash = (hash ^ (uint)(token + 1)) * 16777619;
        var random = new Random((int)hash);
        foreach (ref float logit in logits)
            logit = scale * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
    };

    /// <summary>A noise model and one session over it.</summary>
    public static FakeSession WithNoise(IReadOnlyList<int[]> prompts, int vocabularySize, int seed) => new(prompts, vocabularySize, Noise(seed));

    public int SequenceCount => _histories.Count;

    public int VocabularySize { get; }

    /// <summary>Forward passes so far.</summary>
    public int Passes { get; private set; }

    /// <summary>Tokens of all forward passes that are no prompt's.</summary>
    public int DecodedRows { get; private set; }

    /// <summary>Times that a row of logits was read by the host.</summary>
    public int LogitsRead { get; private set; }

    /// <summary>Adds a prompt, which runs with the next pass.</summary>
    public void Join(int[] prompt)
    {
        _histories.Add(prompt);
        _haveRun.Add(false);
    }

    public void Forward(
        ReadOnlySpan<int> tokenIds = default, ReadOnlySpan<int> counts = default, StepChoices? choices = null, StepOutputs outputs = StepOutputs.None)
    {
        int old = 0, first = 0;
        for (int i = 0; i < SequenceCount; i++)
        {
            if (!_haveRun[i])
                continue;
            int count = counts.IsEmpty ? 1 : counts[old];
            Assert.That(count, Is.Positive, $"tokens of sequence {i}");
            _histories[i] = [.. _histories[i], .. tokenIds.Slice(first, count)];
            first += count;
            old++;
        }
        Assert.That(tokenIds.Length, Is.EqualTo(first), "tokens appended");
        if (!counts.IsEmpty)
            Assert.That(counts.Length, Is.EqualTo(old), "counts");
        DecodedRows += tokenIds.Length;
        _haveRun = [.. _histories.Select(_ => true)];
        Run(choices);
    }

    public Span<float> LogitsOf(int sequence)
    {
        LogitsRead++;
        return _logits[sequence];
    }

    public StepOutput OutputOf(int sequence, StepOutputs outputs) => new([.. _logits[sequence]], null, null);

    public void SelectTokens(Span<int> tokenIds)
    {
        Assert.That(tokenIds.Length, Is.EqualTo(SequenceCount), "tokens asked for");
        for (int i = 0; i < tokenIds.Length; i++)
        {
            Choice choice = _choices[i];
            tokenIds[i] = ReferenceSelectTokens.Choose(_logits[i], choice.How, choice.Penalised, choice.Forbidden, choice.Rule.IsNarrow);
            choice.Told = new float[choice.Rule.Reading switch { TokenReading.Probability => 1, TokenReading.Grid => _grid.Cells, _ => 0 }];
            ReferenceSelectTokens.Tell(choice.Rule, _logits[i], tokenIds[i], _grid, choice.Told);
        }
    }

    public ReadOnlySpan<float> ToldOf(int sequence) => _choices[sequence].Told;

    public void Rearrange(ReadOnlySpan<int> parents)
    {
        List<int[]> histories = [];
        List<float[]> logits = [];
        List<bool> haveRun = [];
        List<Choice> choices = [];
        foreach (int parent in parents)
        {
            histories.Add(_histories[parent]);
            logits.Add(_haveRun[parent] ? [.. _logits[parent]] : []);
            haveRun.Add(_haveRun[parent]);
            choices.Add(_haveRun[parent] ? _choices[parent] : Choice.Likeliest);
        }
        (_histories, _logits, _haveRun, _choices) = (histories, logits, haveRun, choices);
    }

    public void Dispose()
    {
    }

    private void Run(StepChoices? choices)
    {
        Passes++;
        if (choices is not null)
            Assert.That(choices.SequenceCount, Is.EqualTo(SequenceCount), "sequences described by the choices");
        sbyte[] classes = [];
        _grid = default;
        if (choices?.Grammar is { } grammar)
        {
            classes = [.. Enumerable.Range(0, VocabularySize).Select(token => (sbyte)grammar.KindOf(token))];
            _grid = new TokenGrid(grammar.FirstPatch, grammar.Side);
        }
        _choices = [.. Enumerable.Range(0, SequenceCount).Select(i => choices is null ? Choice.Likeliest with { } : Of(choices, i))];
        _logits = [];
        foreach (int[] history in _histories)
        {
            float[] row = new float[VocabularySize];
            _model(history, row);
            _logits.Add(row);
        }

        Choice Of(StepChoices all, int i)
        {
            HashSet<int> forbidden = ReferenceSelectTokens.Forbidden(all.RuleOf(i), classes, _grid);
            forbidden.UnionWith(all.Bans[i].ToArray());
            return new Choice(all[i], [.. all.Penalised[i]], forbidden, all.RuleOf(i));
        }
    }
}
