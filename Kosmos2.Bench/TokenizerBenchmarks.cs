using System.Text;
using BenchmarkDotNet.Attributes;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Bench;

/// <summary>
/// Text to ids on one thread: a megabyte of English, its words drawn by rule from a list. With the shipped vocabulary, or that in the folder that KOSMOS2_TOKENIZER names.
/// </summary>
public class TokenizerBenchmarks
{
    private const int Characters = 1_000_000;

    // A few sentences' words, so that lengths and repetitions are those of English.
    private static readonly string[] Words =
        """
        The image features a snowman sitting by a campfire in the snow. He is wearing a hat, scarf and gloves, with a pot nearby and a cup placed beside it. Two puppies
        play in a field of grass while an old man, who seems to be thinking about something else entirely, holds an umbrella; behind him several boats are moored along
        the river, and mountains rise in the distance. How many people are there? What colour is the bicycle that leans against the wall of the bakery?
        """.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private readonly Kosmos2Tokenizer _tokenizer = Kosmos2Tokenizer.Load(Environment.GetEnvironmentVariable("KOSMOS2_TOKENIZER") ?? ShippedModel.Folder);
    private readonly string _text = Text();

    /// <summary>Time of a megabyte: its inverse is the throughput.</summary>
    [Benchmark]
    public int Encode() => _tokenizer.Encode(_text, addSpecialTokens: false).Length;

    private static string Text()
    {
        var random = new Random(1);
        var text = new StringBuilder(Characters + 100);
        while (text.Length < Characters)
            text.Append(Words[random.Next(Words.Length)]).Append(' ');
        return text.ToString(0, Characters);
    }
}
