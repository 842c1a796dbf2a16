using System.Text.Json;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Reads tokenizer.json, the tokenizers library's own format, as far as XLM-RoBERTa's tokenizers use it: a Unigram model, a Precompiled
/// normaliser with strips and a collapse of spaces, Metaspace before the model and behind it. Whatever else is asked for is refused by name,
/// for it would give other ids.
/// </summary>
internal static class TokenizerJsonFile
{
    /// <exception cref="Kosmos2FormatException">The file is not JSON, incomplete, or asks for something that is not supported.</exception>
    public static TokenizerModel Read(string path)
    {
        JsonFields root = JsonFields.Read(path);
        JsonFields model = root.Object("model") ?? throw root.Error("model", "is missing");
        Require(model, "type", "Unigram");
        if (model.Boolean("byte_fallback", false))
            throw model.Error("byte_fallback", "is true; it is not supported");

        (string[] pieces, double[] scores) = Vocabulary(model);
        int unknown = model.Int32("unk_id", -1, -1, pieces.Length - 1);
        if (unknown < 0)
            throw model.Error("unk_id", "is missing");
        List<AddedToken> added = AddedTokens(root, pieces);
        (byte[] charsmap, Spacing spacing) = Normalizer(root);
        spacing = PreTokenizer(root, spacing);
        if (root.Object("decoder") is { } decoder)
            Metaspace(decoder);
        return new TokenizerModel(path, pieces, scores, unknown, charsmap, added, spacing);
    }

    private static (string[] Pieces, double[] Scores) Vocabulary(JsonFields model)
    {
        if (model.Find("vocab") is not { ValueKind: JsonValueKind.Array } vocabulary || vocabulary.GetArrayLength() == 0)
            throw model.Error("vocab", "must be an array of [piece, score] pairs");
        string[] pieces = new string[vocabulary.GetArrayLength()];
        double[] scores = new double[pieces.Length];
        int id = 0;
        foreach (JsonElement entry in vocabulary.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2 || entry[0].ValueKind != JsonValueKind.String
                || entry[1].ValueKind != JsonValueKind.Number || !double.IsFinite(entry[1].GetDouble()))
            {
                throw model.Error("vocab", $"must hold pairs of a piece and its score; entry {id} is none");
            }
            pieces[id] = entry[0].GetString()!;
            scores[id++] = entry[1].GetDouble();
        }
        return (pieces, scores);
    }

    private static List<AddedToken> AddedTokens(JsonFields root, string[] pieces)
    {
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < pieces.Length; id++)
            known[pieces[id]] = id;

        int next = pieces.Length;
        var added = new List<AddedToken>();
        foreach (JsonFields entry in root.Objects("added_tokens"))
        {
            string content = entry.Text("content", "");
            if (content.Length == 0)
                throw entry.Error("content", "is missing");
            if (entry.Boolean("single_word", false))
                throw entry.Error("single_word", "is true; it is not supported");
            int expected = known.TryGetValue(content, out int id) ? id : next++;
            known[content] = expected;
            if (entry.Int32("id", -1, -1, int.MaxValue) is var given && given != expected)
                throw entry.Error("id", $"of {Kosmos2FormatException.Quote(content)} is {given}; its place makes it {expected}");
            added.Add(new AddedToken(
                expected,
                content,
                entry.Boolean("lstrip", false),
                entry.Boolean("rstrip", false),
                entry.Boolean("normalized", true),
                SingleWord: false,
                entry.Boolean("special", false)));
        }
        return added;
    }

    private static (byte[] Charsmap, Spacing Spacing) Normalizer(JsonFields root)
    {
        byte[] charsmap = [];
        var spacing = new Spacing(StripRight: false, StripLeft: false, Collapse: null, SplitOnWhiteSpace: false);
        if (root.Object("normalizer") is not { } normalizer)
            return (charsmap, spacing);
        IReadOnlyList<JsonFields> steps = normalizer.Text("type", "") == "Sequence" ? normalizer.Objects("normalizers") : [normalizer];
        // The steps come in one order: first characters, then the ends, then runs of spaces.
        string[] order = ["Precompiled", "Strip", "Replace"];
        int done = 0;
        foreach (JsonFields step in steps)
        {
            string type = step.Text("type", "");
            int place = Array.IndexOf(order, type);
            if (place < done)
                throw step.Error("type", $"is {Kosmos2FormatException.Quote(type)}; only Precompiled, Strip and Replace are supported, in this order");
            done = place + 1;
            if (type == "Precompiled")
                charsmap = Base64(step);
            else if (type == "Strip")
                spacing = spacing with { StripLeft = step.Boolean("strip_left", true), StripRight = step.Boolean("strip_right", true) };
            else
                spacing = spacing with { Collapse = CollapseTo(step) };
        }
        return (charsmap, spacing);
    }

    private static byte[] Base64(JsonFields step)
    {
        try
        {
            return Convert.FromBase64String(step.Text("precompiled_charsmap", ""));
        }
        catch (FormatException e)
        {
            throw new ConfigurationException(step.FilePath, "normalizer.precompiled_charsmap", "is not base64", e);
        }
    }

    private static char CollapseTo(JsonFields step)
    {
        string? pattern = step.Object("pattern")?.Text("Regex", "");
        string content = step.Text("content", "");
        return pattern == " {2,}" && content is " " or "\u2581"
            ? content[0]
            : throw step.Error("pattern", $"replaces {Kosmos2FormatException.Quote(pattern)} by {Kosmos2FormatException.Quote(content)}; only runs of spaces are supported");
    }

    private static Spacing PreTokenizer(JsonFields root, Spacing spacing)
    {
        JsonFields pre = root.Object("pre_tokenizer") ?? throw root.Error("pre_tokenizer", "is missing; expected Metaspace");
        if (pre.Text("type", "") != "Sequence")
        {
            Metaspace(pre);
            return spacing;
        }
        IReadOnlyList<JsonFields> steps = pre.Objects("pretokenizers");
        if (steps.Count != 2)
            throw pre.Error("pretokenizers", $"has {steps.Count} steps; expected WhitespaceSplit and Metaspace");
        Require(steps[0], "type", "WhitespaceSplit");
        Metaspace(steps[1]);
        return spacing with { SplitOnWhiteSpace = true };
    }

    private static void Metaspace(JsonFields step)
    {
        Require(step, "type", "Metaspace");
        Require(step, "replacement", "\u2581");
        if (step.Text("prepend_scheme", "always") is var scheme && scheme != "always")
            throw step.Error("prepend_scheme", $"is {Kosmos2FormatException.Quote(scheme)}; only 'always' is supported");
        if (!step.Boolean("add_prefix_space", true))
            throw step.Error("add_prefix_space", "is false; it is not supported");
        if (!step.Boolean("split", true))
            throw step.Error("split", "is false; it is not supported");
    }

    private static void Require(JsonFields fields, string name, string expected)
    {
        if (fields.Text(name, "") is var found && found != expected)
            throw fields.Error(name, $"is {Kosmos2FormatException.Quote(found)}; only {Kosmos2FormatException.Quote(expected)} is supported");
    }
}
