using System.Diagnostics;
using System.Text;
using Kosmos2.Engine.Processing;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class TokenizerTests
{
    private static readonly Kosmos2Tokenizer Shapes = Kosmos2Tokenizer.Load(TestData.ShapesModel);

    [Test]
    public void Both_files_of_the_shipped_model_give_one_tokenizer()
    {
        Kosmos2Tokenizer other = Kosmos2Tokenizer.Load(Path.Combine(TestData.ShapesModel, "sentencepiece.bpe.model"));
        Assert.That(Enumerable.Range(0, Shapes.VocabularySize).Select(other.IdToToken), Is.EqualTo(Enumerable.Range(0, Shapes.VocabularySize).Select(Shapes.IdToToken)));
        Assert.That((other.BosTokenId, other.PadTokenId, other.EosTokenId, other.UnkTokenId), Is.EqualTo((0, 1, 2, 3)));
        var random = new Random(1);
        for (int i = 0; i < 300; i++)
        {
            string text = RandomText(random);
            Assert.That(other.Encode(text), Is.EqualTo(Shapes.Encode(text)), text);
        }
    }

    [Test]
    public void Tokens_and_ids_belong_together()
    {
        Assert.That(Shapes.VocabularySize, Is.EqualTo(1180));
        for (int id = 0; id < Shapes.VocabularySize; id++)
            Assert.That(Shapes.TokenToId(Shapes.IdToToken(id)!), Is.EqualTo(id));
        Assert.That(Shapes.TokenToId("<patch_index_1023>"), Is.EqualTo(1179));
        Assert.That(Shapes.TokenToId("no such token"), Is.Null);
        Assert.That(Shapes.IdToToken(1180), Is.Null);
        Assert.That(() => Shapes.IdToToken(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Special_tokens_are_added_on_request_and_skipped_on_request()
    {
        int[] ids = Shapes.Encode("a red ring");
        Assert.That((ids[0], ids[^1]), Is.EqualTo((Shapes.BosTokenId, Shapes.EosTokenId)));
        Assert.That(Shapes.Encode("a red ring", addSpecialTokens: false), Is.EqualTo(ids[1..^1]));
        Assert.That(Shapes.BatchDecode([ids, [2, 5]]), Is.EqualTo(new[] { "<s> a red ring</s>", "</s> a" }));
        Assert.That(Shapes.BatchDecode([ids, [2, 5]], skipSpecialTokens: true), Is.EqualTo(new[] { "a red ring", "a" }));
    }

    [Test]
    public void Ids_without_a_token_are_left_out_and_negative_ones_refused()
    {
        Assert.That(Shapes.Decode([5, 99_999, 46]), Is.EqualTo("a red"));
        Assert.That(() => Shapes.Decode([5, -1]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_stream_gives_the_pieces_of_the_whole()
    {
        var random = new Random(2);
        for (int i = 0; i < 100; i++)
        {
            int[] ids = [.. Enumerable.Range(0, 20).Select(_ => random.Next(Shapes.VocabularySize))];
            foreach (bool skip in new[] { false, true })
            {
                TokenStream stream = Shapes.CreateStream(skip);
                Assert.That(string.Concat(ids.Select(stream.Append)), Is.EqualTo(Shapes.Decode(ids, skip)));
            }
        }
    }

    // What the golden cases do not reach: the mask token is cut out of normalised text, where runs of spaces are already one piece.
    [TestCase("a <mask> red", new[] { "▁a", "<mask>", "▁red" })]
    [TestCase("a  <mask>  red", new[] { "▁a", "▁", "<mask>", "▁red" })]
    [TestCase("<mask><mask>", new[] { "<mask>", "<mask>" })]
    [TestCase("red \u3000<mask>", new[] { "▁red", "▁", "<mask>" })]
    [TestCase("red \t<grounding>\n red", new[] { "▁red", "<grounding>", "▁red" })]
    public void Added_tokens_are_cut_out(string text, string[] expected) =>
        Assert.That(Shapes.Encode(text, addSpecialTokens: false).Select(Shapes.IdToToken), Is.EqualTo(expected));

    [Test]
    public void Half_a_surrogate_pair_counts_as_the_replacement_character()
    {
        foreach (string broken in new[] { "a\uD800b", "\uDC00", "x\uD83D", "\uDE00\uD83D" })
        {
            string replaced = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(broken));
            Assert.That(Shapes.Encode(broken), Is.EqualTo(Shapes.Encode(replaced)));
        }
    }

    [Test]
    public void Long_and_hostile_texts_take_linear_time()
    {
        const int Length = 1_000_000;
        string[] parts = ["a", " ", "<", "<grounding", "a red ring and ", "\u0301", "e\u0301", "\u200D", "\U0001F1FA", "\u1100", "\uFDFA", "\uD800", "\u2581", "  ", "中", "\t", "\0"];
        foreach (string part in parts)
        {
            string text = string.Concat(Enumerable.Repeat(part, Length / part.Length));
            var watch = Stopwatch.StartNew();
            Shapes.Encode(text);
            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)), Kosmos2FormatException.Quote(part));
        }
    }

    [Test]
    public void Any_number_of_threads_may_use_one()
    {
        string[] texts = [.. Enumerable.Range(0, 200).Select(i => RandomText(new Random(i)))];
        int[][] alone = [.. texts.Select(text => Shapes.Encode(text))];
        int[][] together = new int[texts.Length][];
        Parallel.For(0, texts.Length, i => together[i] = Shapes.Encode(texts[i]));
        Assert.That(together, Is.EqualTo(alone));
    }

    private static string RandomText(Random random)
    {
        string[] parts = ["a red ring", " ", "  ", "<grounding>", "<phrase>", "<mask>", "</s>", "é", "e\u0301", "²", "Ａ", "\n", "\r\n", "中文", "\uFB01", "▁", "<", ".", "x"];
        return string.Concat(Enumerable.Range(0, random.Next(1, 25)).Select(_ => parts[random.Next(parts.Length)]));
    }
}
