using System.Text.Json;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class TokenizerGoldenTests
{
    private static readonly string RealVocabulary = Path.Combine("kosmos2-tokenizer", "sentencepiece.bpe.model");

    [Test]
    public void Every_case_of_the_real_vocabulary_is_equal()
    {
        Kosmos2Tokenizer tokenizer = Kosmos2Tokenizer.Load(TestData.Shared(RealVocabulary));
        Assert.That(tokenizer.VocabularySize, Is.EqualTo(65_037));
        Assert.That(Compare(tokenizer, TestData.Shared("reference", "processor", "tokenizer.jsonl")), Is.EqualTo(609));
    }

    [TestCase("sentencepiece.bpe.model")]
    [TestCase("tokenizer.json")]
    public void Every_case_of_the_shipped_vocabulary_is_equal_from_either_file(string file)
    {
        Kosmos2Tokenizer tokenizer = Kosmos2Tokenizer.Load(Path.Combine(TestData.ShapesModel, file));
        Assert.That(Compare(tokenizer, TestData.File("shapes", "tokenizer.jsonl")), Is.EqualTo(80));
    }

    private static int Compare(Kosmos2Tokenizer tokenizer, string path)
    {
        int cases = 0;
        foreach (JsonElement golden in JsonLines.Read(path))
        {
            string text = golden.GetProperty("text").GetString()!;
            int[] ids = golden.GetProperty("ids").Ints();
            string? decoded = golden.GetProperty("decoded").GetString();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(tokenizer.Encode(text, addSpecialTokens: false), Is.EqualTo(ids), text);
                Assert.That(tokenizer.Decode(ids), Is.EqualTo(decoded), text);
                Assert.That(tokenizer.Decode(ids, skipSpecialTokens: true), Is.EqualTo(golden.GetProperty("decoded_skip_special").GetString()), text);
                Assert.That(Streamed(tokenizer.CreateStream(), ids), Is.EqualTo(decoded), text);
            }
            cases++;
        }
        return cases;
    }

    private static string Streamed(TokenStream stream, int[] ids) => string.Concat(ids.Select(stream.Append));
}
