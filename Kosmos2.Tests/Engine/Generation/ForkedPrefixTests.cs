using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>A prompt whose beginning is already cached is generated exactly as if it had been given whole.</summary>
internal sealed class ForkedPrefixTests
{
    private static readonly GenerationConfig[] s_settings =
    [
        new() { MaxNewTokens = 12, NoRepeatNgramSize = 2 },
        new() { MaxNewTokens = 12, RepetitionPenalty = 1.7f },
        new() { MaxLength = 24 },
        new() { MaxNewTokens = 12, MinLength = 22, EosTokenId = [.. Enumerable.Range(0, 50)] },
        new() { MaxNewTokens = 12, SequenceBias = [new TokenBias([60, 61, 62], 50)] },
        new() { MaxNewTokens = 12, DoSample = true, Seed = 5, RepetitionPenalty = 1.3f },
        new() { MaxNewTokens = 12, NumBeams = 3, NoRepeatNgramSize = 2 },
        new() { MaxNewTokens = 4, ForcedBosTokenId = 30 },
    ];

    [Test]
    public void ThePromptsBeginningCountsWhetherItIsCachedOrGiven()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        int[] whole = [60, 61, 62, 20, 60, 61, 62, 30, 31, 32, 33, 34, 35, 36, 37, 38, 60, 61];
        using KeyValueCache prefix = model.CreateCache();
        model.Forward([new SequenceInput { TokenIds = whole[..17], Cache = prefix }], logits: LogitRows.None);
        Assert.That(prefix.TokenIds.ToArray(), Is.EqualTo(whole[..17]));

        // Twice the same prefix: neither continuation changes it.
        var continued = new SequenceInput { TokenIds = whole[17..], Cache = prefix };
        int first = model.Generate([continued], null, new() { MaxNewTokens = 1 }).Sequences[0].Tokens[0];
        GenerationConfig stopsAtOnce = new() { MaxNewTokens = 12, StopStrings = [$"38 60 61 {first}"] };
        foreach (GenerationConfig settings in s_settings.Append(stopsAtOnce))
        {
            GenerationConfig config = settings with { OutputScores = ScoreOutput.Chosen };
            GenerationResult expected = Generate([new() { TokenIds = whole }, new() { TokenIds = whole }]);
            GenerationResult found = Generate([continued, continued]);
            for (int i = 0; i < 2; i++)
            {
                Assert.That(found.Sequences[i].Tokens, Is.EqualTo(expected.Sequences[i].Tokens), $"{settings}");
                Assert.That(found.Sequences[i].ChosenScores, Is.EqualTo(expected.Sequences[i].ChosenScores), $"{settings}");
                Assert.That(found.Sequences[i].FinishReason, Is.EqualTo(expected.Sequences[i].FinishReason), $"{settings}");
            }
            Assert.That(found.Sequences[0].FinishReason == FinishReason.StopString, Is.EqualTo(settings == stopsAtOnce));
            Assert.That(prefix.Length, Is.EqualTo(17));

            GenerationResult Generate(SequenceInput[] prompts) =>
                model.Generate(prompts, null, config, decoder: ids => string.Concat(ids.Select(id => $" {id}")));
        }
    }
}
