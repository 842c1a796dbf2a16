using System.Collections;
using System.Reflection;
using Kosmos2.Engine.Generation;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine.Generation;

public sealed class GenerationConfigTests
{
    private const string Everything = """
        {
          "max_new_tokens": 7, "max_length": 30, "min_length": 2, "min_new_tokens": 3, "max_time": 1.5, "stop_strings": ["a", "bc"],
          "eos_token_id": [2, 4], "pad_token_id": 1, "bos_token_id": 0, "do_sample": true, "num_beams": 4, "num_return_sequences": 2,
          "length_penalty": -0.5, "early_stopping": "never", "sequence_bias": [[[5, 6], -2.5]], "repetition_penalty": 1.25,
          "no_repeat_ngram_size": 3, "bad_words_ids": [[7], [8, 9]], "suppress_tokens": [10], "begin_suppress_tokens": [11],
          "forced_bos_token_id": 12, "forced_eos_token_id": 13, "remove_invalid_values": true, "exponential_decay_length_penalty": [3, 1.5],
          "renormalize_logits": true, "temperature": 0.5, "top_k": 6, "top_p": 0.75, "min_p": 0.125, "typical_p": 0.25,
          "epsilon_cutoff": 0.0625, "eta_cutoff": 0.03125, "output_scores": true, "output_logits": true,
          "output_hidden_states": true, "output_attentions": true
        }
        """;

    private static readonly string[] s_ours =
    [
        nameof(GenerationConfig.Seed), nameof(GenerationConfig.FirstSequence), nameof(GenerationConfig.MaxContext),
        nameof(GenerationConfig.OtherSettings), nameof(GenerationConfig.WellFormedGrounding),
    ];

    private static IEnumerable<PropertyInfo> Settings => typeof(GenerationConfig).GetProperties().Where(p => !s_ours.Contains(p.Name));

    [Test]
    public void EverySettingIsReadUnderItsName()
    {
        GenerationConfig config = GenerationConfig.Parse(Everything);
        Assert.That(Settings.Where(p => p.GetValue(config) is null).Select(p => p.Name), Is.Empty, "settings that were not read");
        Assert.That(config.OtherSettings, Is.Empty);
        Assert.That(config.MaxNewTokens, Is.EqualTo(7));
        Assert.That(config.MaxLength, Is.EqualTo(30));
        Assert.That(config.MaxTime, Is.EqualTo(TimeSpan.FromSeconds(1.5)));
        Assert.That(config.EosTokenId, Is.EqualTo(new[] { 2, 4 }));
        Assert.That(config.ForcedEosTokenId, Is.EqualTo(new[] { 13 }));
        Assert.That(config.EarlyStopping, Is.EqualTo(EarlyStopping.Never));
        Assert.That(config.LengthPenalty, Is.EqualTo(-0.5f));
        Assert.That(config.SequenceBias![0].Tokens, Is.EqualTo(new[] { 5, 6 }));
        Assert.That(config.SequenceBias[0].Bias, Is.EqualTo(-2.5f));
        Assert.That(config.BadWordsIds![1], Is.EqualTo(new[] { 8, 9 }));
        Assert.That(config.ExponentialDecayLengthPenalty, Is.EqualTo(new ExponentialDecay(3, 1.5f)));
        Assert.That(config.OutputScores, Is.EqualTo(ScoreOutput.All));
    }

    [Test]
    public void EverySettingIsTakenFromBelowWhereItIsNotSet()
    {
        var policy = new ContextPolicy(9);
        GenerationConfig below = GenerationConfig.Parse(Everything) with { Seed = 5, FirstSequence = 8, MaxContext = policy, WellFormedGrounding = true };
        GenerationConfig merged = new GenerationConfig().Over(below);
        foreach (PropertyInfo property in Settings)
            Assert.That(property.GetValue(merged), Is.EqualTo(property.GetValue(below)), property.Name);
        Assert.That(merged.Seed, Is.EqualTo(5));
        Assert.That(merged.FirstSequence, Is.EqualTo(8));
        Assert.That(merged.MaxContext, Is.SameAs(policy));
        Assert.That(merged.WellFormedGrounding, Is.True);

        // And the other way round: what is set stays, whatever is below.
        var other = new GenerationConfig { MaxNewTokens = 99, TopK = 99, DoSample = false, EosTokenId = [99], Seed = 6, FirstSequence = 7, WellFormedGrounding = false };
        GenerationConfig kept = below.Over(other);
        foreach (PropertyInfo property in Settings)
            Assert.That(property.GetValue(kept), Is.EqualTo(property.GetValue(below)), property.Name);
        Assert.That(kept.Seed, Is.EqualTo(5));
        Assert.That(kept.WellFormedGrounding, Is.True);
        Assert.That(kept.FirstSequence, Is.EqualTo(8));
    }

    [Test]
    public void ALengthLimitReplacesBothBelow()
    {
        var file = new GenerationConfig { MaxNewTokens = 8, MaxLength = 100 };
        Assert.That(new GenerationConfig { MaxLength = 50 }.Over(file), Has.Property(nameof(GenerationConfig.MaxNewTokens)).Null);
        Assert.That(new GenerationConfig { MaxNewTokens = 50 }.Over(file), Has.Property(nameof(GenerationConfig.MaxLength)).Null);
    }

    [Test]
    public void ACheckpointsSettingsAreItsFilesOverItsTextConfigs()
    {
        string folder = Directory.CreateTempSubdirectory("kosmos2").FullName;
        try
        {
            Kosmos2TextConfig text = Kosmos2Config.Parse(
                """{"text_config": {"no_repeat_ngram_size": 3, "num_beams": 2, "eos_token_id": 5, "num_beam_groups": 2, "some_field": 1}}""").TextConfig;
            GenerationConfig alone = GenerationConfig.OfCheckpoint(folder, text);
            Assert.That(alone.NoRepeatNgramSize, Is.EqualTo(3));
            Assert.That(alone.EosTokenId, Is.EqualTo(new[] { 5 }));
            Assert.That(alone.PadTokenId, Is.EqualTo(1));
            Assert.That(alone.OtherSettings.Keys, Is.EqualTo(new[] { "num_beam_groups" }), "a model's own fields are no generation settings");

            File.WriteAllText(Path.Combine(folder, "generation_config.json"), """{"num_beams": 4, "eos_token_id": [6, 7], "transformers_version": "4.57.6"}""");
            GenerationConfig both = GenerationConfig.OfCheckpoint(folder, text);
            Assert.That(both.NumBeams, Is.EqualTo(4));
            Assert.That(both.NoRepeatNgramSize, Is.EqualTo(3));
            Assert.That(both.EosTokenId, Is.EqualTo(new[] { 6, 7 }));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestCase("upstream-test")]
    [TestCase("real-shapes")]
    public void TheReferenceModelsSettingsAreRead(string model)
    {
        string folder = TestData.File("models", model);
        GenerationConfig config = GenerationConfig.OfCheckpoint(folder, Kosmos2Config.Load(folder).TextConfig);
        Assert.That(config.EosTokenId, Is.EqualTo(new[] { 2 }));
        Assert.That(config.PadTokenId, Is.EqualTo(1));
        Assert.That(config.OtherSettings, Is.Empty);
    }

    [Test]
    public void SettingsWithoutEffectHereAreNamedUnlessTheyAskForNothing()
    {
        GenerationConfig config = GenerationConfig.Parse(
            """
            {"num_beam_groups": 1, "diversity_penalty": 0.0, "guidance_scale": null, "penalty_alpha": 0.6, "token_healing": false, "use_cache": true,
             "a_new_setting": [1], "transformers_version": "9", "watermarking_config": {"bias": 2}}
            """);
        Assert.That(config.OtherSettings.Keys, Is.EquivalentTo(new[] { "penalty_alpha", "a_new_setting", "watermarking_config" }));
        Assert.That(config.OtherSettings["penalty_alpha"].GetDouble(), Is.EqualTo(0.6));
    }

    [Test]
    public void AFilesDefaultLengthMeansTwentyNewTokens()
    {
        Assert.That(GenerationConfig.Parse("""{"max_length": 20}""").MaxLength, Is.Null);
        Assert.That(GenerationConfig.Parse("""{"max_length": 21}""").MaxLength, Is.EqualTo(21));
    }

    [TestCase("""{"num_beams": 2.5}""", "num_beams is or holds 2.5; it must be a 32-bit integer")]
    [TestCase("""{"num_beams": "4"}""", "num_beams is or holds '4'")]
    [TestCase("""{"num_beams": 9999999999}""", "num_beams is or holds 9999999999")]
    [TestCase("""{"temperature": 1e99}""", "temperature is or holds 1e99")]
    [TestCase("""{"do_sample": 1}""", "do_sample is or holds 1; it must be true or false")]
    [TestCase("""{"early_stopping": "always"}""", "early_stopping is or holds 'always'")]
    [TestCase("""{"eos_token_id": [2, null]}""", "eos_token_id is or holds null")]
    [TestCase("""{"bad_words_ids": [5]}""", "bad_words_ids is or holds 5; it must be a list of token ids")]
    [TestCase("""{"sequence_bias": [[5, 1.0]]}""", "sequence_bias is or holds 5")]
    [TestCase("""{"exponential_decay_length_penalty": [1]}""", "a pair [start, factor]")]
    [TestCase("""{"max_time": -1}""", "max_time is or holds -1; it must be between 0 and 1e9 seconds")]
    [TestCase("""{"stop_strings": [1]}""", "stop_strings is or holds 1; it must be a string")]
    [TestCase("""{"top_p": NaN}""", "is not JSON")]
    [TestCase("""[]""", "it must hold an object")]
    public void AWrongKindOfValueIsNamedWithItsFile(string json, string message)
    {
        Assert.That(
            () => GenerationConfig.Parse(json, "some/generation_config.json"),
            Throws.TypeOf<ConfigurationException>().With.Message.Contains(message).And.Message.StartsWith("some/generation_config.json: "));
    }

    private static IEnumerable BadSettings()
    {
        yield return Case(new() { MaxNewTokens = 0 }, "max_new_tokens is 0; it must be at least 1");
        yield return Case(new() { MaxLength = -3 }, "max_length is -3");
        yield return Case(new() { MinLength = -1 }, "min_length is -1");
        yield return Case(new() { MinNewTokens = 9, MaxNewTokens = 8 }, "min_new_tokens is 9; it must be at most max_new_tokens, which is 8");
        yield return Case(new() { MinLength = 9, MaxLength = 8 }, "min_length is 9");
        yield return Case(new() { MaxContext = new ContextPolicy(1) }, "MaxContext is 1");
        yield return Case(new() { MaxTime = TimeSpan.FromSeconds(-1) }, "max_time");
        yield return Case(new() { StopStrings = [""] }, "stop_strings holds an empty string");
        yield return Case(new() { StopStrings = ["x"] }, "there is no tokenizer");
        yield return Case(new() { WellFormedGrounding = true }, "WellFormedGrounding is set, but there is no GenerationHooks.Grammar");
        yield return Case(new() { NumBeams = 0 }, "num_beams is 0");
        yield return Case(new() { NumBeams = int.MaxValue }, "num_beams is 2147483647; it must be at most 4096");
        yield return Case(new() { DoSample = true, NumReturnSequences = 5000 }, "num_return_sequences is 5000; it must be at most 4096");
        yield return Case(new() { NumBeams = 2, NumReturnSequences = 3 }, "num_return_sequences is 3; it must be at most num_beams, which is 2");
        yield return Case(new() { NumReturnSequences = 2 }, "num_return_sequences is 2; it must be 1 in greedy decoding");
        yield return Case(new() { LengthPenalty = float.NaN }, "length_penalty is NaN; it must be a finite number");
        yield return Case(new() { RepetitionPenalty = 0 }, "repetition_penalty is 0; it must be a finite number above 0");
        yield return Case(new() { RepetitionPenalty = float.PositiveInfinity }, "repetition_penalty");
        yield return Case(new() { NoRepeatNgramSize = -1 }, "no_repeat_ngram_size is -1");
        yield return Case(new() { Temperature = 0 }, "temperature is 0");
        yield return Case(new() { Temperature = 1e-38f }, "temperature is 1E-38; it must be between 1E-30 and");
        yield return Case(new() { TopK = -1 }, "top_k is -1");
        yield return Case(new() { TopP = 1.5f }, "top_p is 1.5; it must be between 0 and 1");
        yield return Case(new() { TypicalP = 0 }, "typical_p is 0; it must be above 0 and at most 1");
        yield return Case(new() { MinP = float.NaN }, "min_p is NaN");
        yield return Case(new() { EpsilonCutoff = 1 }, "epsilon_cutoff is 1; it must be at least 0 and below 1");
        yield return Case(new() { EtaCutoff = -0.1f }, "eta_cutoff");
        yield return Case(new() { EosTokenId = [2, 50] }, "eos_token_id names token 50; the vocabulary has tokens 0 to 49");
        yield return Case(new() { SuppressTokens = [-1] }, "suppress_tokens names token -1");
        yield return Case(new() { ForcedBosTokenId = 50 }, "forced_bos_token_id names token 50");
        yield return Case(new() { ForcedEosTokenId = [] }, "forced_eos_token_id is empty");
        yield return Case(new() { BadWordsIds = [[]] }, "bad_words_ids holds an empty sequence");
        yield return Case(new() { SequenceBias = [new([3], float.NaN)] }, "sequence_bias is NaN");
        yield return Case(new() { SequenceBias = [new([3], float.PositiveInfinity)] }, "sequence_bias is Infinity; it must be a finite number, or minus infinity");
        yield return Case(new() { ExponentialDecayLengthPenalty = new(1, 2) }, "no eos_token_id");
        yield return Case(new() { EarlyStopping = (EarlyStopping)7 }, "early_stopping is 7");
        yield return Case(new() { MaxLength = 3 }, "the prompt has 3 tokens and max_length is 3: no room");
        yield return Case(new() { MaxContext = new ContextPolicy(3) }, "the prompt has 3 tokens and MaxContext is 3: no room");

        static TestCaseData Case(GenerationConfig config, string message) => new TestCaseData(config, message).SetArgDisplayNames(message);
    }

    [TestCaseSource(nameof(BadSettings))]
    public void ASettingOutOfRangeIsRefusedBeforeAnythingRuns(GenerationConfig config, string message)
    {
        int[][] prompts = [[1, 2, 3]];
        FakeSession session = FakeSession.WithNoise(prompts, 50, 1);
        Assert.That(() => Generator.Generate(session, prompts, config), Throws.ArgumentException.With.Message.Contains(message));
        Assert.That(session.Passes, Is.Zero);
    }

    [Test]
    public void APromptIsRefusedOrCutWhereItReachesTheContextLimit()
    {
        Assert.That(new ContextPolicy(10).Fit(9), Is.EqualTo(9));
        Assert.That(() => new ContextPolicy(10).Fit(10), Throws.ArgumentException.With.Message.Contains("the prompt has 10 tokens; MaxContext allows 10"));
        Assert.That(new ContextPolicy(10, ContextOverflow.Truncate).Fit(500), Is.EqualTo(9));
    }

    [Test]
    public void PromptsOutsideTheVocabularyAreRefused()
    {
        Assert.That(() => Run([[1], []]), Throws.ArgumentException.With.Message.Contains("prompt 1 has no tokens"));
        Assert.That(() => Run([[1, 50]]), Throws.ArgumentException.With.Message.Contains("prompt 0 has token 50"));
        Assert.That(Run([]).Sequences, Is.Empty);

        static GenerationResult Run(int[][] prompts) => Generator.Generate(FakeSession.WithNoise(prompts, 50, 1), prompts, new GenerationConfig());
    }
}
