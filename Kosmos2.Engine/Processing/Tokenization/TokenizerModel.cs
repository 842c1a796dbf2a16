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

    /// <summary>
    /// The model with the words that the files beside a SentencePiece model add: its own pieces and words keep their ids, further ones must
    /// follow each other behind them, as Hugging Face would number them.
    /// </summary>
    /// <exception cref="Kosmos2FormatException">An id is not the one that the word's place gives it, or a word must stand alone (single_word).</exception>
    public TokenizerModel WithAdded(IReadOnlyList<AddedToken> words)
    {
        Dictionary<string, int> known = Ids();
        var added = Added.ToDictionary(token => token.Content, StringComparer.Ordinal);
        int next = Added.Select(token => token.Id + 1).Append(Pieces.Length).Max();
        foreach (AddedToken word in words)
        {
            int expected = known.TryGetValue(word.Content, out int id) ? id : next++;
            if (word.Id != expected)
                throw Error($"goes with an added token {Kosmos2FormatException.Quote(word.Content)} of id {word.Id}; its place makes it {expected}");
            if (word.SingleWord)
                throw Error($"goes with an added token {Kosmos2FormatException.Quote(word.Content)} that must stand alone (single_word); that is not supported");
            added[word.Content] = word;
        }
        return this with { Added = [.. added.Values.OrderBy(token => token.Id)] };
    }

    /// <summary>Each piece's and added word's id.</summary>
    private Dictionary<string, int> Ids()
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < Pieces.Length; id++)
            ids[Pieces[id]] = id;
        foreach (AddedToken token in Added)
            ids[token.Content] = token.Id;
        return ids;
    }

    public Kosmos2FormatException Error(string problem) => new(FilePath, problem);

    private static AddedToken Special(int id, string content) => Plain(id, content) with { Special = true };

    private static AddedToken Plain(int id, string content) =>
        new(id, content, LStrip: false, RStrip: false, Normalized: false, SingleWord: false, Special: false);
}
