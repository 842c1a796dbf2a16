using System.Text.Json.Nodes;
using Google.Protobuf;
using Kosmos2.Engine.Processing;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class TokenizerFileTests
{
    private static readonly byte[] Model = File.ReadAllBytes(Path.Combine(TestData.ShapesModel, "sentencepiece.bpe.model"));
    private static readonly string Json = File.ReadAllText(Path.Combine(TestData.ShapesModel, "tokenizer.json"));

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("kosmos2-tokenizer").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_folder_without_a_tokenizer_has_none_and_a_missing_file_is_named()
    {
        Assert.That(Kosmos2Tokenizer.LoadIfPresent(_folder), Is.Null);
        Assert.That(() => Kosmos2Tokenizer.Load(_folder), Throws.InstanceOf<FileNotFoundException>().With.Message.Contains("sentencepiece.bpe.model"));
        Assert.That(() => Kosmos2Tokenizer.Load(Path.Combine(_folder, "a.model")), Throws.InstanceOf<FileNotFoundException>());
        Assert.That(() => Kosmos2Tokenizer.Load(Path.Combine(_folder, "a.json")), Throws.InstanceOf<FileNotFoundException>());
    }

    [Test]
    public void A_damaged_model_is_refused_with_the_typed_exception_or_still_works()
    {
        var random = new Random(1);
        for (int i = 0; i < 400; i++)
        {
            // The pieces are in the first few thousand bytes: half of the damage goes there.
            byte[] bytes = (byte[])Model.Clone();
            for (int flips = random.Next(1, 4); flips > 0; flips--)
                bytes[random.Next(i % 2 == 0 ? 3000 : bytes.Length)] ^= (byte)(1 << random.Next(8));
            Survives(bytes);
        }
    }

    [Test]
    public void A_model_cut_short_is_refused_with_the_typed_exception_or_still_works()
    {
        for (int length = 0; length < 200; length++)
            Survives(Model[..length]);
        for (int length = 200; length < Model.Length; length += 997)
            Survives(Model[..length]);
    }

    [Test]
    public void A_model_of_another_kind_is_refused()
    {
        Refused(Proto(trainer: 2), "model type 2");
        Refused(Proto(pieces: [("<s>", 0, 3), ("</s>", 0, 3), ("<unk>", 0, 2)]), "expected '<unk>', '<s>', '</s>'");
        Refused(Proto(pieces: []), "begins with the pieces ;");
        Refused(Proto(extra: ("<0x00>", 0, 6)), "'<0x00>', has type 6");
        Refused(Proto(extra: ("x", float.NaN, 1)), "has the score NaN");
        Refused(Proto(charsmap: [1, 2, 3]), "has 3 bytes");
        Refused(Proto(charsmap: [255, 255, 255, 255, 0]), "claims a double array of 4294967295");
        Refused(Proto(charsmap: [0, 0, 0, 0, 0xFF]), "not UTF-8");
        Refused(Proto(charsmap: [4, 0, 0, 0, 0, 1, 0x40, 0]), "is no replacement");
        Refused([0x0A, 0x80, 0x80, 0x80, 0x80, 0x08], "is not a SentencePiece model");
        Refused([0x08, 0x01], "field 1 is not a message");
        Refused([.. Enumerable.Repeat<byte[]>([0x0A, 0], (1 << 20) + 1).SelectMany(piece => piece)], "has more than 1048576 pieces");
        Assert.That(Tokenizer(Proto(extra: ("▁x", -1, 1))).Encode("x x", addSpecialTokens: false), Is.EqualTo(new[] { 4, 4 }));

        void Refused(byte[] bytes, string message) =>
            Assert.That(() => Tokenizer(bytes), Throws.InstanceOf<Kosmos2FormatException>().With.Message.Contains(message).And.Message.StartsWith("test.model: "));
    }

    [TestCase("/model/type", "\"BPE\"", "model.type is 'BPE'; only 'Unigram' is supported")]
    [TestCase("/model/byte_fallback", "true", "model.byte_fallback is true")]
    [TestCase("/model/unk_id", "null", "model.unk_id")]
    [TestCase("/model/unk_id", "9999", "model.unk_id is 9999")]
    [TestCase("/model/vocab", "[]", "model.vocab must be an array")]
    [TestCase("/model/vocab/5", "[\"x\"]", "model.vocab must hold pairs of a piece and its score; entry 5 is none")]
    [TestCase("/model/vocab/5/1", "\"x\"", "model.vocab must hold pairs of a piece and its score; entry 5 is none")]
    [TestCase("/added_tokens/7/id", "7", "its place makes it 147")]
    [TestCase("/added_tokens/7/single_word", "true", "added_tokens[7].single_word")]
    [TestCase("/added_tokens/7/content", "\"\"", "added_tokens[7].content is missing")]
    [TestCase("/added_tokens/0/content", "\"<other>\"", "its place makes it 145")]
    [TestCase("/added_tokens", "5", "added_tokens is 5")]
    [TestCase("/added_tokens/3", "5", "added_tokens holds 5")]
    [TestCase("/added_tokens", "[]", "has no added token <s>")]
    [TestCase("/normalizer/normalizers/0/type", "\"NFC\"", "normalizer.normalizers[0].type is 'NFC'")]
    [TestCase("/normalizer/normalizers/1/type", "\"Precompiled\"", "in this order")]
    [TestCase("/normalizer/normalizers/0/precompiled_charsmap", "\"*\"", "is not base64")]
    [TestCase("/normalizer/normalizers/2/content", "\"x\"", "only runs of spaces")]
    [TestCase("/pre_tokenizer", "null", "pre_tokenizer is missing")]
    [TestCase("/pre_tokenizer/type", "\"ByteLevel\"", "pre_tokenizer.type is 'ByteLevel'")]
    [TestCase("/pre_tokenizer/prepend_scheme", "\"first\"", "pre_tokenizer.prepend_scheme is 'first'")]
    [TestCase("/pre_tokenizer/split", "false", "pre_tokenizer.split is false")]
    [TestCase("/pre_tokenizer/replacement", "\"_\"", "pre_tokenizer.replacement")]
    [TestCase("/decoder/type", "\"WordPiece\"", "decoder.type is 'WordPiece'")]
    public void A_tokenizer_json_that_asks_for_something_else_is_refused(string pointer, string value, string message) =>
        Assert.That(() => Changed(pointer, value), Throws.InstanceOf<Kosmos2FormatException>().With.Message.Contains(message));

    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("{}")]
    [TestCase("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"\\ud800\",0]]}}")]
    public void A_tokenizer_json_that_is_none_is_refused(string json) => Assert.That(() => Load(json), Throws.InstanceOf<Kosmos2FormatException>());

    [Test]
    public void Tags_are_added_to_a_vocabulary_that_lacks_them()
    {
        JsonNode root = JsonNode.Parse(Json)!;
        JsonArray added = root["added_tokens"]!.AsArray();
        while (added.Count > 5)
            added.RemoveAt(5);
        Kosmos2Tokenizer tokenizer = Load(root.ToJsonString());
        Assert.That((tokenizer.VocabularySize, tokenizer.TokenToId("<grounding>")), Is.EqualTo((1180, 155)));
    }

    // Forms that older versions of transformers wrote. White space at the end of a text made a piece of its own in the first.
    [TestCase("""[{"type":"Precompiled","precompiled_charsmap":"MAP"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}]""", null, "  red   ring ", new[] { "▁red", "▁ring", "▁" })]
    [TestCase("""[{"type":"Precompiled","precompiled_charsmap":"MAP"}]""", null, "red  ring", new[] { "▁red", "▁", "▁ring" })]
    [TestCase("""[{"type":"Precompiled","precompiled_charsmap":"MAP"}]""", """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","add_prefix_space":true}]}""", "  red  ▁ring \u3000 ", new[] { "▁red", "▁ring" })]
    [TestCase("""[{"type":"Strip","strip_left":true,"strip_right":true}]""", null, " \t red", new[] { "▁red" })]
    public void Older_forms_are_read(string normalizers, string? preTokenizer, string text, string[] expected)
    {
        JsonNode root = JsonNode.Parse(Json)!;
        string map = root["normalizer"]!["normalizers"]![0]!["precompiled_charsmap"]!.GetValue<string>();
        root["normalizer"]!["normalizers"] = JsonNode.Parse(normalizers.Replace("MAP", map, StringComparison.Ordinal));
        if (preTokenizer is not null)
            root["pre_tokenizer"] = JsonNode.Parse(preTokenizer);
        Kosmos2Tokenizer tokenizer = Load(root.ToJsonString());
        Assert.That(tokenizer.Encode(text, addSpecialTokens: false).Select(tokenizer.IdToToken), Is.EqualTo(expected));
    }

    [Test]
    public void Words_added_beside_a_sentencepiece_model_are_read()
    {
        CopySentencePiece();
        File.WriteAllText(At("added_tokens.json"), """{"<grounding>": 145, "<other>": 146, "<mask>": 144}""");
        Kosmos2Tokenizer tokenizer = Kosmos2Tokenizer.Load(_folder);
        Assert.That((tokenizer.TokenToId("<grounding>"), tokenizer.TokenToId("<other>"), tokenizer.TokenToId("</doc>")), Is.EqualTo((145, 146, 147)));
        Assert.That(tokenizer.Encode("red <other>", addSpecialTokens: false), Is.EqualTo(new[] { tokenizer.TokenToId("▁red"), 146 }));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(1181));
    }

    [TestCase("""{"<other>": 150}""", "'<other>' of id 150; its place makes it 145")]
    [TestCase("""{"<s>": 5}""", "'<s>' of id 5; its place makes it 0")]
    [TestCase("""{"▁red": 145}""", "of id 145; its place makes it")]
    public void Words_whose_ids_leave_a_hole_are_refused(string added, string message)
    {
        CopySentencePiece();
        File.WriteAllText(At("added_tokens.json"), added);
        Assert.That(() => Kosmos2Tokenizer.Load(_folder), Throws.InstanceOf<Kosmos2FormatException>().With.Message.Contains(message));
    }

    // What transformers' clean_up_tokenization makes of the same text.
    [TestCase("a ring , a star . is it ? yes !", "a ring, a star. is it? yes!")]
    [TestCase("they 're n't it 's i 'm we 've", "they'ren't it's i'm we've")]
    public void Spaces_are_cleaned_up_where_the_model_or_the_caller_says_so(string text, string clean)
    {
        CopySentencePiece();
        Kosmos2Tokenizer tokenizer = Kosmos2Tokenizer.Load(_folder);
        int[] ids = tokenizer.Encode(text, addSpecialTokens: false);
        string plain = tokenizer.Decode(ids);
        Assert.That(tokenizer.Decode(ids, cleanUpTokenizationSpaces: true), Is.EqualTo(clean));
        File.WriteAllText(At("tokenizer_config.json"), """{"clean_up_tokenization_spaces": true}""");
        Kosmos2Tokenizer cleaning = Kosmos2Tokenizer.Load(_folder);
        Assert.That(cleaning.CleanUpTokenizationSpaces, Is.True);
        Assert.That(cleaning.BatchDecode([ids]), Is.EqualTo(new[] { clean }));
        Assert.That(cleaning.Decode(ids, cleanUpTokenizationSpaces: false), Is.EqualTo(plain));
    }

    private void CopySentencePiece() => File.WriteAllBytes(At("sentencepiece.bpe.model"), Model);

    private string At(string name) => Path.Combine(_folder, name);

    private Kosmos2Tokenizer Load(string json)
    {
        string path = At("tokenizer.json");
        File.WriteAllText(path, json);
        return Kosmos2Tokenizer.Load(path);
    }

    /// <summary>Loads the shipped tokenizer.json with one value replaced.</summary>
    private Kosmos2Tokenizer Changed(string pointer, string value)
    {
        JsonNode root = JsonNode.Parse(Json)!;
        JsonNode parent = root;
        string[] steps = pointer.Split('/')[1..];
        foreach (string step in steps[..^1])
            parent = (parent is JsonArray list ? list[int.Parse(step)] : parent[step])!;
        if (parent is JsonArray array)
            array[int.Parse(steps[^1])] = JsonNode.Parse(value);
        else
            parent[steps[^1]] = JsonNode.Parse(value);
        return Load(root.ToJsonString());
    }

    private static void Survives(byte[] bytes)
    {
        try
        {
            Tokenizer(bytes).Encode("A red ring, é ① <grounding> \uD83D\uDE00\n");
        }
        catch (Kosmos2FormatException e)
        {
            Assert.That(e.Message, Does.StartWith("test.model: "));
        }
    }

    private static Kosmos2Tokenizer Tokenizer(byte[] model) => new(SentencePieceFile.Parse("test.model", model), numPatchIndexTokens: 1024);

    /// <summary>A SentencePiece model of a few pieces.</summary>
    private static byte[] Proto(int trainer = 1, (string Piece, float Score, int Type)[]? pieces = null, (string, float, int)? extra = null, byte[]? charsmap = null)
    {
        pieces ??= [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)];
        using var stream = new MemoryStream();
        using var output = new CodedOutputStream(stream);
        foreach ((string piece, float score, int type) in extra is { } more ? pieces.Append(more) : pieces)
        {
            Message(1, message =>
            {
                message.WriteTag(1, WireFormat.WireType.LengthDelimited);
                message.WriteString(piece);
                message.WriteTag(2, WireFormat.WireType.Fixed32);
                message.WriteFloat(score);
                message.WriteTag(3, WireFormat.WireType.Varint);
                message.WriteInt32(type);
            });
        }
        Message(2, message =>
        {
            message.WriteTag(3, WireFormat.WireType.Varint);
            message.WriteInt32(trainer);
        });
        Message(3, message =>
        {
            message.WriteTag(2, WireFormat.WireType.LengthDelimited);
            message.WriteBytes(ByteString.CopyFrom(charsmap ?? []));
        });
        output.Flush();
        return stream.ToArray();

        void Message(int field, Action<CodedOutputStream> write)
        {
            using var inner = new MemoryStream();
            using (var message = new CodedOutputStream(inner))
                write(message);
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(inner.ToArray()));
        }
    }
}
