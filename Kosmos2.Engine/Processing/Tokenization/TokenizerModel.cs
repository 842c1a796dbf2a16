using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>What a tokenizer's file holds: the vocabulary with its scores, the words added to it, and how text is prepared.</summary>
/// <param name="FilePath">The file, for messages.</param>
/// <param name="Pieces">The vocabulary; a piece's place is its id.</param>
/// <param name="Scores">Each piece's log probability.</param>
/// <param name="UnknownId">The id of what no piece covers.</param>
/// <param name="Charsmap">SentencePiece's precompiled_charsmap; empty for none.</param>
/// <param name="Added">Words that are cut out of the text before anything else.</param>
/// <param name="Spacing">How white space is treated.</param>
internal sealed record TokenizerModel(
    string FilePath, string[] Pieces, double[] Scores, int UnknownId, byte[] Charsmap, IReadOnlyList<AddedToken> Added, Spacing Spacing)
{
    /// <summary>The character that stands for a space in pieces.</summary>
    public const char Space = '\u2581';

    public const string Bos = "<s>";
    public const string Pad = "<pad>";
    public const string Eos = "</s>";
    public const string Unknown = "<unk>";
    public const string Mask = "<mask>";

    /// <summary>The special words of XLM-RoBERTa, at the ids they have in <paramref name="vocabularySize"/> pieces.</summary>
    public static IEnumerable<AddedToken> SpecialTokens(int vocabularySize) =>
    [
        Special(0, Bos),
        Special(1, Pad),
        Special(2, Eos),
        Special(3, Unknown),
        Special(vocabularySize - 1, Mask) with { LStrip = true, Normalized = true },
    ];

    /// <summary>The model with KOSMOS-2's tags and patch indices behind its words, as Kosmos2Processor adds them; those that are there keep their ids.</summary>
    public TokenizerModel WithTags(int numPatchIndexTokens)
    {
        var present = new HashSet<string>(Added.Select(token => token.Content), StringComparer.Ordinal);
        int next = Added.Select(token => token.Id + 1).Append(Pieces.Length).Max();
        var added = new List<AddedToken>(Added);
        foreach (string tag in GroundingTags.All.Concat(Enumerable.Range(0, numPatchIndexTokens).Select(PatchGrid.TokenOf)))
        {
            if (present.Add(tag))
                added.Add(Plain(next++, tag) with { LStrip = true });
        }
        return this with { Added = added };
    }

    public Kosmos2FormatException Error(string problem) => new(FilePath, problem);

    private static AddedToken Special(int id, string content) => Plain(id, content) with { Special = true };

    private static AddedToken Plain(int id, string content) =>
        new(id, content, LStrip: false, RStrip: false, Normalized: false, SingleWord: false, Special: false);
}
