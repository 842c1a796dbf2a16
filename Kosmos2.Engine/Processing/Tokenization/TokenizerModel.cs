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
        new AddedToken(Bos, 0) { Special = true },
        new AddedToken(Pad, 1) { Special = true },
        new AddedToken(Eos, 2) { Special = true },
        new AddedToken(Unknown, 3) { Special = true },
        new AddedToken(Mask, vocabularySize - 1) { Special = true, LStrip = true, Normalized = true },
    ];

    /// <summary>The model with KOSMOS-2's tags and patch indices behind its words, as Kosmos2Processor adds them; those that are there keep their ids.</summary>
    public TokenizerModel WithTags(int numPatchIndexTokens)
    {
        var present = new HashSet<string>(Added.Select(token => token.Content), StringComparer.Ordinal);
        int next = Math.Max(Pieces.Length, Added.Max(token => token.Id) + 1);
        var added = new List<AddedToken>(Added);
        foreach (string tag in GroundingTags.All.Concat(Enumerable.Range(0, numPatchIndexTokens).Select(PatchGrid.TokenOf)))
        {
            if (present.Add(tag))
                added.Add(new AddedToken(tag, next++) { LStrip = true });
        }
        return this with { Added = added };
    }

    public Kosmos2FormatException Error(string problem) => new(FilePath, problem);
}

/// <summary>A word that is a token by itself wherever it stands in the text.</summary>
/// <param name="Content">The word.</param>
/// <param name="Id">Its id.</param>
internal sealed record AddedToken(string Content, int Id)
{
    /// <summary>Takes the white space on its left with it.</summary>
    public bool LStrip { get; init; }

    /// <summary>Takes the white space on its right with it.</summary>
    public bool RStrip { get; init; }

    /// <summary>Is looked for in the normalised text, not in the text as it was written.</summary>
    public bool Normalized { get; init; }

    /// <summary>Is left out when decoding with skip_special_tokens.</summary>
    public bool Special { get; init; }
}
