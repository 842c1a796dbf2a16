using System.Numerics;

namespace Kosmos2.Engine.Generation;

/// <summary>A way for a beam to go on.</summary>
/// <param name="Score">Log probability of the whole sequence.</param>
/// <param name="Beam">The beam.</param>
/// <param name="Token">Its next token.</param>
internal readonly record struct BeamCandidate(float Score, int Beam, int Token);

/// <summary>Keeps the best of many candidates, best first; of equal ones those that were offered first.</summary>
internal sealed class TopCandidates(int capacity)
{
    private readonly BeamCandidate[] _best = new BeamCandidate[capacity];
    private int _count;

    /// <summary>The best so far.</summary>
    public ReadOnlySpan<BeamCandidate> Best => _best.AsSpan(0, _count);

    /// <summary>Forgets all.</summary>
    public void Clear() => _count = 0;

    /// <summary>Offers every token of a beam.</summary>
    /// <param name="beam">The beam.</param>
    /// <param name="score">Its log probability.</param>
    /// <param name="scores">[vocabulary] the tokens' log probabilities.</param>
    public void Offer(int beam, float score, ReadOnlySpan<float> scores)
    {
        var shift = new Vector<float>(score);
        int start = 0;
        for (; start <= scores.Length - Vector<float>.Count; start += Vector<float>.Count)
        {
            // Few of a vocabulary are better than the worst that is kept.
            if (_count < capacity || Vector.GreaterThanAny(new Vector<float>(scores[start..]) + shift, new Vector<float>(_best[_count - 1].Score)))
                Offer(beam, score, scores, start, start + Vector<float>.Count);
        }
        Offer(beam, score, scores, start, scores.Length);
    }

    private void Offer(int beam, float score, ReadOnlySpan<float> scores, int start, int end)
    {
        for (int token = start; token < end; token++)
        {
            float sum = score + scores[token];
            if (_count < capacity || sum > _best[_count - 1].Score)
                Insert(new BeamCandidate(float.IsNaN(sum) ? float.NegativeInfinity : sum, beam, token));
        }
    }

    private void Insert(BeamCandidate candidate)
    {
        int place = _count < capacity ? _count++ : _count - 1;
        for (; place > 0 && _best[place - 1].Score < candidate.Score; place--)
            _best[place] = _best[place - 1];
        _best[place] = candidate;
    }
}
