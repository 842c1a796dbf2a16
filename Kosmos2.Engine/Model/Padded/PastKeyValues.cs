namespace Kosmos2.Engine.Model;

/// <summary>
/// The past of a padded batch: a cache for each row, all of one length (Hugging Face's past_key_values). It grows in place, as there.
/// </summary>
public sealed class PastKeyValues : IDisposable
{
    private List<KeyValueCache> _caches;
    private List<bool[]> _masks;

    internal PastKeyValues(IEnumerable<KeyValueCache> caches)
    {
        _caches = [.. caches];
        _masks = [.. _caches.Select(_ => Array.Empty<bool>())];
    }

    /// <summary>Rows.</summary>
    public int Batch => _caches.Count;

    /// <summary>Tokens of each row, pads included (get_seq_length).</summary>
    public int Length => _caches.Count == 0 ? 0 : _caches[0].Length;

    /// <summary>The rows' caches.</summary>
    public IReadOnlyList<KeyValueCache> Caches => _caches;

    /// <summary>Makes row i continue what row <paramref name="beams"/>[i] was (reorder_cache); the number of rows may change. No key is copied.</summary>
    /// <param name="beams">Rows to continue, each 0 to <see cref="Batch"/> - 1.</param>
    /// <exception cref="ArgumentException">A row does not exist.</exception>
    public void Reorder(ReadOnlySpan<int> beams)
    {
        foreach (int beam in beams)
        {
            if ((uint)beam >= (uint)Batch)
                throw new ArgumentException($"there is no row {beam}; the past has {Batch}", nameof(beams));
        }
        var caches = new List<KeyValueCache>();
        var masks = new List<bool[]>();
        foreach (int beam in beams)
        {
            caches.Add(_caches[beam].Fork());
            masks.Add(_masks[beam]);
        }
        Dispose();
        (_caches, _masks) = (caches, masks);
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on (crop).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative or more than <see cref="Length"/>.</exception>
    public void Crop(int length)
    {
        for (int b = 0; b < Batch; b++)
        {
            _caches[b].Truncate(length);
            _masks[b] = _masks[b][..length];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (KeyValueCache cache in _caches)
            cache.Dispose();
        _caches.Clear();
        _masks.Clear();
    }

    /// <summary>A second past with the same content.</summary>
    internal PastKeyValues Fork() => new(_caches.Select(cache => cache.Fork())) { _masks = [.. _masks] };

    /// <summary>The new tokens' part of a row's attention mask, after checking the past's.</summary>
    /// <exception cref="ArgumentException">The mask has another length, or says something else about the past than it did before.</exception>
    internal bool[] NewPart(int row, int[] attentionMask, int newTokens)
    {
        if (attentionMask.Length != Length + newTokens)
            throw new ArgumentException($"row {row} of attention_mask has {attentionMask.Length} entries; {Length} cached and {newTokens} new tokens need {Length + newTokens}");
        for (int i = 0; i < Length; i++)
        {
            if (attentionMask[i] != 0 != _masks[row][i])
                throw new ArgumentException($"row {row} of attention_mask is {attentionMask[i]} at cached token {i}, where it said otherwise when that token was cached; the past cannot change");
        }
        return Array.ConvertAll(attentionMask[Length..], entry => entry != 0);
    }

    /// <summary>Takes note of tokens that were appended to a row.</summary>
    internal void Appended(int row, ReadOnlySpan<bool> mask) => _masks[row] = [.. _masks[row], .. mask];
}
