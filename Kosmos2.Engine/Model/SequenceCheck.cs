using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>Checks the caller's sequences before anything runs.</summary>
internal static class SequenceCheck
{
    /// <summary>Throws <see cref="ArgumentException"/> for the first thing that does not fit one pass that appends to the sequences' caches.</summary>
    public static void All(IReadOnlyList<SequenceInput> sequences, Kosmos2Config config, ImageEmbeddings? given)
    {
        Each(sequences, config, given);
        var caches = new HashSet<KeyValueCache>(ReferenceEqualityComparer.Instance);
        for (int i = 0; i < sequences.Count; i++)
        {
            if (sequences[i].Cache is { } cache && !caches.Add(cache))
                throw new ArgumentException($"sequence {i} shares its cache with another", nameof(sequences));
        }
    }

    /// <summary>Throws <see cref="ArgumentException"/> for the first sequence that is malformed by itself.</summary>
    public static void Each(IReadOnlyList<SequenceInput> sequences, Kosmos2Config config, ImageEmbeddings? given)
    {
        if (sequences.Count == 0)
            throw new ArgumentException("no sequences", nameof(sequences));
        if (given is not null && given.Width != config.TextConfig.EmbedDim)
            throw new ArgumentException($"given rows are {given.Width} wide, the decoder {config.TextConfig.EmbedDim}", nameof(given));
        for (int i = 0; i < sequences.Count; i++)
        {
            SequenceInput sequence = sequences[i] ?? throw new ArgumentException($"sequence {i} is null", nameof(sequences));
            if (sequence.TokenIds is not { Length: > 0 } ids)
                throw new ArgumentException($"sequence {i} has no tokens", nameof(sequences));
            Length(i, ids, sequence.GivenRows, nameof(sequence.GivenRows));
            Length(i, ids, sequence.AttentionMask, nameof(sequence.AttentionMask));
            Length(i, ids, sequence.PositionIds, nameof(sequence.PositionIds));
            Range(i, ids, 0, config.TextConfig.VocabSize, "token id");
            if (sequence.GivenRows is not null)
                Range(i, sequence.GivenRows, -1, given?.Rows ?? 0, "given row");
            if (sequence.PositionIds is not null)
                Range(i, sequence.PositionIds, 0, SinusoidalPositions.MaxCount, "position");
            if (sequence.LogitRange is { } logits && (logits.End.GetOffset(ids.Length) is var end && (end > ids.Length || (uint)logits.Start.GetOffset(ids.Length) > (uint)end)))
                throw new ArgumentException($"sequence {i} has {ids.Length} tokens, of which LogitRange {logits} is no part", nameof(sequences));
        }
    }

    private static void Length(int sequence, int[] ids, Array? other, string name)
    {
        if (other is not null && other.Length != ids.Length)
            throw new ArgumentException($"sequence {sequence} has {ids.Length} tokens but {other.Length} entries in {name}", nameof(other));
    }

    private static void Range(int sequence, int[] values, int from, int to, string what)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] < from || values[i] >= to)
                throw new ArgumentException($"sequence {sequence}, token {i}: {what} {values[i]} is not in {from} .. {to - 1}", nameof(values));
        }
    }
}
