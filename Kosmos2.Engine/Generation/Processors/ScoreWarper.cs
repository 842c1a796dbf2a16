namespace Kosmos2.Engine.Generation;

/// <summary>
/// A filter before sampling: removes unlikely tokens by a rule over the whole distribution. Holds the work space of such rules, so that a
/// step allocates nothing.
/// </summary>
/// <param name="vocabularySize">Tokens.</param>
/// <param name="minTokensToKeep">Tokens that no rule removes: 1, or in a beam search one more than there are end-of-sequence tokens.</param>
internal abstract class ScoreWarper(int vocabularySize, int minTokensToKeep) : ILogitsProcessor
{
    private readonly PriorityQueue<float, float> _largest = new();
    private readonly float[] _probabilities = new float[vocabularySize];
    private readonly ulong[] _entries = new ulong[vocabularySize];

    /// <summary>Tokens to keep whatever the rule says, at most the vocabulary.</summary>
    protected int MinTokensToKeep => Math.Min(minTokensToKeep, vocabularySize);

    public abstract void Process(in SequenceView sequence, Span<float> scores);

    /// <summary>The probabilities that scores stand for; valid until the next call.</summary>
    protected ReadOnlySpan<float> Probabilities(ReadOnlySpan<float> scores)
    {
        Softmax.Of(scores, _probabilities);
        return _probabilities;
    }

    /// <summary>
    /// The tokens that are still possible, each as a number that orders by its key, equal ones by their id; in no order, and valid until the next call.
    /// <see cref="Token"/> tells which token an entry is.
    /// </summary>
    protected Span<ulong> Entries(ReadOnlySpan<float> keys, ReadOnlySpan<float> scores)
    {
        int count = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            if (scores[i] == float.NegativeInfinity)
                continue;
            // The bits of a float order as the number does once a negative one's are inverted and a positive one's sign is set.
            uint bits = BitConverter.SingleToUInt32Bits(keys[i]);
            bits ^= (bits >> 31) != 0 ? uint.MaxValue : 0x8000_0000;
            _entries[count++] = ((ulong)bits << 32) | (uint)i;
        }
        return _entries.AsSpan(0, count);
    }

    /// <summary>The token of an entry of <see cref="Entries"/>.</summary>
    protected static int Token(ulong entry) => (int)(uint)entry;

    /// <summary>The n-th largest of some numbers, n from 1.</summary>
    protected float NthLargest(ReadOnlySpan<float> values, int n)
    {
        _largest.Clear();
        foreach (float value in values)
        {
            if (_largest.Count < n)
                _largest.Enqueue(value, value);
            else if (value > _largest.Peek())
                _largest.EnqueueDequeue(value, value);
        }
        return _largest.Peek();
    }

    /// <summary>Removes tokens whose probability is below a bound, but never the <see cref="MinTokensToKeep"/> likeliest.</summary>
    protected void RemoveBelow(Span<float> scores, ReadOnlySpan<float> probabilities, float bound)
    {
        float kept = NthLargest(scores, MinTokensToKeep);
        for (int i = 0; i < scores.Length; i++)
        {
            if (probabilities[i] < bound && scores[i] < kept)
                scores[i] = float.NegativeInfinity;
        }
    }
}
