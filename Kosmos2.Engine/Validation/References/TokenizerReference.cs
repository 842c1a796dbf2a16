using System.Text.Json;
using Kosmos2.Engine.Processing;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>tokenizer.jsonl: texts, their ids, and what the ids decode to, with special tokens and without.</summary>
internal sealed class TokenizerReference : IReferenceKind
{
    public bool Knows(string path) => Path.GetFileName(path) == "tokenizer.jsonl";

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        string name = context.NameOf(path);
        if (context.TokenizerFor(path) is not { } tokenizer)
            return [Tally.None(name, "its vocabulary is not here (--tokenizer)")];
        var tally = new Tally(name);
        foreach ((int line, Case one) in ReferenceLines.Read(path, Case.Parse))
            tally.Add($"line {line}, {Kosmos2FormatException.Quote(one.Text)}", one.Compare(tokenizer));
        return [tally.Result()];
    }

    private sealed record Case(string Text, int[] Ids, string Decoded, string DecodedSkipSpecial)
    {
        public static Case Parse(JsonElement json) =>
            new(json.Text("text"), json.Field("ids").Ints(), json.Text("decoded"), json.Text("decoded_skip_special"));

        public string? Compare(Kosmos2Tokenizer tokenizer)
        {
            TokenStream stream = tokenizer.CreateStream();
            return Difference.Between<int>("ids", tokenizer.Encode(Text, addSpecialTokens: false), Ids)
                ?? Difference.Between("decoded", tokenizer.Decode(Ids, cleanUpTokenizationSpaces: false), Decoded)
                ?? Difference.Between("decoded_skip_special", tokenizer.Decode(Ids, skipSpecialTokens: true, cleanUpTokenizationSpaces: false), DecodedSkipSpecial)
                ?? Difference.Between("decoded piece by piece", string.Concat(Ids.Select(stream.Append)), Decoded);
        }
    }
}
