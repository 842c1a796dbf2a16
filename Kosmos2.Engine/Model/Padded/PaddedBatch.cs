namespace Kosmos2.Engine.Model;

/// <summary>
/// Hugging Face's way to give a batch: rows padded to one length with masks. The model itself knows no padding; this takes it off at the door, where
/// <see cref="Kosmos2Model.Forward(ForwardInputs)"/> runs the pads too and gives rows for them.
/// </summary>
public static class PaddedBatch
{
    /// <summary>Converts padded rows to sequences.</summary>
    /// <param name="inputIds">[batch][length].</param>
    /// <param name="attentionMask">[batch][length], 1 where a token may be attended, or null for all.</param>
    /// <param name="imageEmbedsPositionMask">
    /// [batch][length], non-zero where an image row goes; the image rows are taken in order through the whole batch. Null for none.
    /// </param>
    /// <param name="padTokenId">The pad token's id.</param>
    /// <returns>The sequences, and for each the padded column of its first token.</returns>
    /// <exception cref="ArgumentException">The arguments' sizes differ.</exception>
    public static IReadOnlyList<(SequenceInput Sequence, int FirstColumn)> ToSequences(
        int[][] inputIds, int[][]? attentionMask, int[][]? imageEmbedsPositionMask, int padTokenId)
    {
        ArgumentNullException.ThrowIfNull(inputIds);
        CheckSize(inputIds, attentionMask, nameof(attentionMask));
        CheckSize(inputIds, imageEmbedsPositionMask, nameof(imageEmbedsPositionMask));
        var sequences = new List<(SequenceInput, int)>(inputIds.Length);
        int nextImageRow = 0;
        for (int b = 0; b < inputIds.Length; b++)
        {
            int[] ids = inputIds[b];
            int[]? mask = attentionMask?[b], images = imageEmbedsPositionMask?[b];
            int first = 0, end = ids.Length;
            if (mask is not null)
            {
                bool IsPadding(int i) => ids[i] == padTokenId && mask[i] == 0 && (images is null || images[i] == 0);
                while (first < end - 1 && IsPadding(first))
                    first++;
                while (end > first + 1 && IsPadding(end - 1))
                    end--;
            }
            int[]? given = images is null ? null : new int[end - first];
            for (int i = first; i < end && images is not null; i++)
                given![i - first] = images[i] != 0 ? nextImageRow++ : -1;
            var sequence = new SequenceInput
            {
                TokenIds = ids[first..end],
                GivenRows = given,
                AttentionMask = mask is null ? null : Array.ConvertAll(mask[first..end], m => m != 0),
            };
            sequences.Add((sequence, first));
        }
        return sequences;
    }

    private static void CheckSize(int[][] inputIds, int[][]? other, string name)
    {
        if (other is null)
            return;
        if (other.Length != inputIds.Length)
            throw new ArgumentException($"{name} has {other.Length} rows, input_ids {inputIds.Length}", name);
        for (int b = 0; b < inputIds.Length; b++)
        {
            if (other[b].Length != inputIds[b].Length)
                throw new ArgumentException($"row {b} of {name} has {other[b].Length} entries, of input_ids {inputIds[b].Length}", name);
        }
    }
}
