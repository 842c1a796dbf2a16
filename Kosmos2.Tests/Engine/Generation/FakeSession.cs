using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>
/// A model whose logits are a pure function of the tokens so far, behind the session's contract, which it checks: what is called out of order or
/// with the wrong number of tokens fails the test.
/// </summary>
internal sealed class FakeSession : IDecodeSession
{
    private readonly Action<ReadOnlySpan<int>, Span<float>> _model;
    private List<int[]> _histories;
    private List<float[]> _logits = [];
    private TokenBans? _bans;
    private bool _prefilled;

    /// <param name="prompts">The prompts.</param>
    /// <param name="vocabularySize">Length of a row.</param>
    /// <param name="model">Writes the logits that follow some tokens.</param>
    public FakeSession(IReadOnlyList<int[]> prompts, int vocabularySize, Action<ReadOnlySpan<int>, Span<float>> model)
    {
        _histories = [.. prompts];
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

    /// <summary>Rows of all forward passes after the first.</summary>
    public int DecodedRows { get; private set; }

    /// <summary>Times that a row of logits was read by the host.</summary>
    public int LogitsRead { get; private set; }

    public void Prefill(TokenBans? bans = null)
    {
        Assert.That(_prefilled, Is.False, "prefilled twice");
        _prefilled = true;
        Run(bans);
    }

    public void Append(ReadOnlySpan<int> tokenIds, ReadOnlySpan<int> counts = default, TokenBans? bans = null)
    {
        Assert.That(_prefilled, "appended before the prompts ran");
        if (!counts.IsEmpty)
            Assert.That(counts.Length, Is.EqualTo(SequenceCount), "counts");
        int first = 0;
        for (int i = 0; i < SequenceCount; i++)
        {
            int count = counts.IsEmpty ? 1 : counts[i];
            _histories[i] = [.. _histories[i], .. tokenIds.Slice(first, count)];
            first += count;
        }
        Assert.That(tokenIds.Length, Is.EqualTo(first), "tokens appended");
        DecodedRows += tokenIds.Length;
        Run(bans);
    }

    public Span<float> LogitsOf(int sequence)
    {
        LogitsRead++;
        return _logits[sequence];
    }

    public void SelectGreedy(Span<int> tokenIds)
    {
        Assert.That(tokenIds.Length, Is.EqualTo(SequenceCount), "tokens asked for");
        for (int i = 0; i < tokenIds.Length; i++)
        {
            float[] logits = [.. _logits[i]];
            foreach (int banned in _bans is null ? [] : _bans[i])
                logits[banned] = float.NegativeInfinity;
            tokenIds[i] = Array.IndexOf(logits, logits.Max());
        }
    }

    public void Rearrange(ReadOnlySpan<int> parents)
    {
        List<int[]> histories = [];
        List<float[]> logits = [];
        foreach (int parent in parents)
        {
            histories.Add(_histories[parent]);
            logits.Add([.. _logits[parent]]);
        }
        (_histories, _logits, _bans) = (histories, logits, null);
    }

    public void Dispose()
    {
    }

    private void Run(TokenBans? bans)
    {
        Passes++;
        if (bans is not null)
            Assert.That(bans.SequenceCount, Is.EqualTo(SequenceCount), "sequences described by the bans");
        _bans = bans;
        _logits = [];
        foreach (int[] history in _histories)
        {
            float[] row = new float[VocabularySize];
            _model(history, row);
            _logits.Add(row);
        }
    }
}
