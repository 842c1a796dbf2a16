using System.Text;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Text to token ids and back, id for id as Hugging Face's XLMRobertaTokenizerFast with the words that Kosmos2Processor adds: 11 tags
/// (<c>&lt;grounding&gt;</c>, <c>&lt;phrase&gt;</c> ...) and a token for each patch index. Read-only after loading; any number of threads may use one.
/// </summary>
public sealed class Kosmos2Tokenizer
{
    private const string JsonFile = "tokenizer.json";
    private const string SentencePieceModel = "sentencepiece.bpe.model";

    private readonly TokenEncoder _encoder;
    private readonly string?[] _tokens;
    private readonly HashSet<int> _special;
    private readonly Lazy<Dictionary<string, int>> _ids;

    internal Kosmos2Tokenizer(TokenizerModel model, int numPatchIndexTokens, bool cleanUpSpaces = false)
    {
        CleanUpTokenizationSpaces = cleanUpSpaces;
        model = model.WithTags(numPatchIndexTokens);
        _encoder = new TokenEncoder(model);
        _tokens = new string?[model.Added.Select(token => token.Id + 1).Append(model.Pieces.Length).Max()];
        model.Pieces.CopyTo(_tokens, 0);
        foreach (AddedToken token in model.Added)
            _tokens[token.Id] = token.Content;
        _special = [.. model.Added.Where(token => token.Special).Select(token => token.Id)];
        _ids = new Lazy<Dictionary<string, int>>(() =>
        {
            var ids = new Dictionary<string, int>(_tokens.Length, StringComparer.Ordinal);
            for (int id = 0; id < _tokens.Length; id++)
                ids[_tokens[id]!] = id;
            return ids;
        });
        UnkTokenId = model.UnknownId;
        BosTokenId = IdOf(TokenizerModel.Bos);
        PadTokenId = IdOf(TokenizerModel.Pad);
        EosTokenId = IdOf(TokenizerModel.Eos);

        int IdOf(string content) => model.Added.FirstOrDefault(token => token.Content == content)?.Id
            ?? throw model.Error($"has no added token {content}");
    }

    /// <summary>Loads a tokenizer, and what the small files beside it say: <c>tokenizer_config.json</c>, <c>added_tokens.json</c>.</summary>
    /// <param name="path">A model's folder, its <c>tokenizer.json</c> or its <c>sentencepiece.bpe.model</c>. Of a folder with both the first is read.</param>
    /// <param name="numPatchIndexTokens">How many patch index tokens the model knows (processor_config.json's num_patch_index_tokens).</param>
    /// <exception cref="FileNotFoundException">There is no tokenizer.</exception>
    /// <exception cref="Kosmos2FormatException">The file is damaged, or asks for something that is not supported.</exception>
    public static Kosmos2Tokenizer Load(string path, int numPatchIndexTokens = 1024)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfLessThan(numPatchIndexTokens, 1);
        string file = Directory.Exists(path)
            ? FindIn(path) ?? throw new FileNotFoundException($"{path}: holds neither {JsonFile} nor {SentencePieceModel}", path)
            : path;
        var config = TokenizerConfig.Load(Path.GetDirectoryName(Path.GetFullPath(file))!);
        // tokenizer.json lists the added words itself.
        TokenizerModel model = file.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            ? TokenizerJsonFile.Read(file)
            : SentencePieceFile.Read(file).WithAdded(config.AddedTokens);
        return new Kosmos2Tokenizer(model, numPatchIndexTokens, config.CleanUpTokenizationSpaces);
    }

    /// <summary>Loads a model folder's tokenizer if it has one: a checkpoint may come without.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="numPatchIndexTokens">As for <see cref="Load"/>.</param>
    /// <returns>The tokenizer, or null if the folder holds no tokenizer file.</returns>
    /// <exception cref="Kosmos2FormatException">There is one, but it is damaged or not supported.</exception>
    public static Kosmos2Tokenizer? LoadIfPresent(string folder, int numPatchIndexTokens = 1024) =>
        FindIn(folder) is { } file ? Load(file, numPatchIndexTokens) : null;

    /// <summary>Number of tokens; ids go from 0 to one less. 65,037 for the published model.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>Whether <see cref="Decode"/> takes spaces before punctuation away unless told otherwise: tokenizer_config.json's clean_up_tokenization_spaces.</summary>
    public bool CleanUpTokenizationSpaces { get; }

    /// <summary>Id of <c>&lt;s&gt;</c>, which begins every sequence.</summary>
    public int BosTokenId { get; }

    /// <summary>Id of <c>&lt;pad&gt;</c>.</summary>
    public int PadTokenId { get; }

    /// <summary>Id of <c>&lt;/s&gt;</c>, which ends an answer.</summary>
    public int EosTokenId { get; }

    /// <summary>Id of <c>&lt;unk&gt;</c>, which stands for characters that no piece covers.</summary>
    public int UnkTokenId { get; }

    /// <summary>
    /// Text to ids. Tags and special tokens are recognised wherever they are written, and take the white space on their left with them; half
    /// a surrogate pair counts as U+FFFD.
    /// </summary>
    /// <param name="text">The text, of any length.</param>
    /// <param name="addSpecialTokens">
    /// Puts <c>&lt;s&gt;</c> before and <c>&lt;/s&gt;</c> behind, as Hugging Face's tokenizer does unless told otherwise. A prompt to be continued must not
    /// end in <c>&lt;/s&gt;</c>: <see cref="Kosmos2Processor"/> makes those.
    /// </param>
    public int[] Encode(ReadOnlySpan<char> text, bool addSpecialTokens = true)
    {
        using var ids = new IdBuffer();
        if (addSpecialTokens)
            ids.Add(BosTokenId);
        _encoder.Encode(text, ids);
        if (addSpecialTokens)
            ids.Add(EosTokenId);
        return ids.ToArray();
    }

    /// <summary>Ids to text.</summary>
    /// <param name="ids">The ids. Those that no token has are left out, as in Hugging Face: a model's table of embeddings may have spare rows.</param>
    /// <param name="skipSpecialTokens">Leaves out <c>&lt;s&gt;</c>, <c>&lt;pad&gt;</c>, <c>&lt;/s&gt;</c>, <c>&lt;unk&gt;</c> and <c>&lt;mask&gt;</c>; tags stay.</param>
    /// <param name="cleanUpTokenizationSpaces">Takes the space before <c>. ? ! ,</c> and before English contractions away; null for <see cref="CleanUpTokenizationSpaces"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false, bool? cleanUpTokenizationSpaces = null)
    {
        TokenStream stream = CreateStream(skipSpecialTokens);
        var text = new StringBuilder();
        foreach (int id in ids)
            stream.AppendTo(text, id);
        return (cleanUpTokenizationSpaces ?? CleanUpTokenizationSpaces) ? CleanUp(text).ToString() : text.ToString();
    }

    /// <summary>Decodes each of several sequences.</summary>
    /// <param name="sequences">The sequences.</param>
    /// <param name="skipSpecialTokens">As for <see cref="Decode"/>.</param>
    /// <param name="cleanUpTokenizationSpaces">As for <see cref="Decode"/>.</param>
    public string[] BatchDecode(IEnumerable<int[]> sequences, bool skipSpecialTokens = false, bool? cleanUpTokenizationSpaces = null)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        return [.. sequences.Select(ids => Decode(ids, skipSpecialTokens, cleanUpTokenizationSpaces))];
    }

    /// <summary>Decodes a sequence while it grows. Spaces are not cleaned up: a piece of text is final once it is out.</summary>
    /// <param name="skipSpecialTokens">As for <see cref="Decode"/>.</param>
    public TokenStream CreateStream(bool skipSpecialTokens = false) => new(this, skipSpecialTokens);

    /// <summary>The token of an id, as in <c>▁snowman</c>; null beyond the vocabulary.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative.</exception>
    public string? IdToToken(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        return id < _tokens.Length ? _tokens[id] : null;
    }

    /// <summary>The id of a token, as in <c>&lt;grounding&gt;</c> or <c>▁snowman</c>; null if the vocabulary has none such.</summary>
    public int? TokenToId(string token) => _ids.Value.TryGetValue(token, out int id) ? id : null;

    /// <summary>Whether decoding with skip_special_tokens leaves an id out.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    // Hugging Face's clean_up_tokenization: these replacements, one after the other.
    private static StringBuilder CleanUp(StringBuilder text) => text
        .Replace(" .", ".").Replace(" ?", "?").Replace(" !", "!").Replace(" ,", ",").Replace(" ' ", "'")
        .Replace(" n't", "n't").Replace(" 'm", "'m").Replace(" 's", "'s").Replace(" 've", "'ve").Replace(" 're", "'re");

    internal static string? FindIn(string folder) =>
        new[] { JsonFile, SentencePieceModel }.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
