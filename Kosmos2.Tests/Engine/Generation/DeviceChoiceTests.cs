using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>The device chooses what the host would, and the host then reads no logits. A processor of the caller's own, which does nothing, makes it choose.</summary>
internal sealed class DeviceChoiceTests
{
    private static readonly int[][] s_prompts = [[2, 3, 4], [4], [3, 3, 2, 2, 4]];
    private static readonly GenerationHooks s_onHost = new() { LogitsProcessors = [new Nothing()] };

    private static readonly GenerationConfig[] s_configs =
    [
        new() { DoSample = true },
        new() { DoSample = true, TopK = 0 },
        new() { DoSample = true, Temperature = 0.6f, TopK = 9, TopP = 0.8f },
        new() { DoSample = true, TopK = 0, TopP = 0.5f, RepetitionPenalty = 1.4f, NoRepeatNgramSize = 2 },
        new() { DoSample = true, Temperature = 1.7f, TopP = 0.95f, EosTokenId = [5, 6], MinNewTokens = 12, SuppressTokens = [1, 7], BeginSuppressTokens = [2] },
        new() { RepetitionPenalty = 1.3f, SuppressTokens = [9, 3] },
        new() { RepetitionPenalty = 0.5f, NoRepeatNgramSize = 3 },
    ];

    [TestCaseSource(nameof(s_configs))]
    public void TheDeviceChoosesWhatTheHostWould(GenerationConfig settings)
    {
        GenerationConfig config = settings with { MaxNewTokens = 40, Seed = 5 };
        FakeSession device = FakeSession.WithNoise(s_prompts, 100, 1), host = FakeSession.WithNoise(s_prompts, 100, 1);
        GenerationResult chosen = Generator.Generate(device, s_prompts, config);
        GenerationResult expected = Generator.Generate(host, s_prompts, config, s_onHost);
        Assert.That(chosen.Sequences.Select(s => s.Tokens), Is.EqualTo(expected.Sequences.Select(s => s.Tokens)));
        Assert.That(device.LogitsRead, Is.Zero);
        Assert.That(host.LogitsRead, Is.Positive);
    }

    [TestCaseSource(nameof(s_configs))]
    public void TheDeviceKeepsToTheGrammarAndTellsWhatTheHostReads(GenerationConfig settings)
    {
        // The prompts stand in a phrase, in a box and after one.
        int[][] prompts = [[2, 10], [12, 17], [12, 16, 20], [4]];
        int boxes = 0;
        foreach (bool? wellFormed in (bool?[])[true, null])
        {
            GenerationConfig config = settings with { MaxNewTokens = 40, Seed = 5, WellFormedGrounding = wellFormed };
            FakeSession device = FakeSession.WithNoise(prompts, 60, 1), host = FakeSession.WithNoise(prompts, 60, 1);
            var hooks = new GenerationHooks { Grammar = GrammarEffectTests.Grammar(60) };
            GenerationResult chosen = Generator.Generate(device, prompts, config, hooks);
            GenerationResult expected = Generator.Generate(host, prompts, config, new GenerationHooks { Grammar = hooks.Grammar, LogitsProcessors = [new Nothing()] });
            Assert.That(device.LogitsRead, Is.Zero);
            foreach ((GeneratedSequence one, GeneratedSequence other) in chosen.Sequences.Zip(expected.Sequences))
            {
                Assert.That(one.Tokens, Is.EqualTo(other.Tokens));
                Assert.That(one.Evidence!.Select(e => e?.Probability ?? -1), Is.EqualTo(other.Evidence!.Select(e => e?.Probability ?? -1)).Within(1e-6));
                Assert.That(one.Evidence!.Select(e => e?.Patches?.Column ?? -1), Is.EqualTo(other.Evidence!.Select(e => e?.Patches?.Column ?? -1)));
                boxes += one.Evidence!.Count(e => e?.Patches is not null);
            }
        }
        Assert.That(boxes, Is.GreaterThan(1), "corners whose evidence was compared");
    }

    [Test]
    public void WhereNothingAllowedIsLeftTheHostDecides()
    {
        // All patches are suppressed, and one must come.
        int[][] prompts = [[12]];
        FakeSession session = FakeSession.WithNoise(prompts, 60, 1);
        var config = new GenerationConfig { MaxNewTokens = 3, WellFormedGrounding = true, SuppressTokens = [.. Enumerable.Range(15, 16)] };
        GeneratedSequence answer = Generator.Generate(session, prompts, config, new GenerationHooks { Grammar = GrammarEffectTests.Grammar(60) }).Sequences[0];
        Assert.That(answer.Tokens.Take(2), Is.All.InRange(15, 30));
        Assert.That(answer.Evidence![0]!.Patches, Is.Not.Null);
        Assert.That(session.LogitsRead, Is.InRange(1, 2));
    }

    [Test]
    public void RequestsWithOtherGrammarsThanTheFirstsAreTheHosts()
    {
        int[][] prompts = [[12], [12]];
        FakeSession session = FakeSession.WithNoise(prompts, 60, 1);
        var loop = new TokenLoop(session);
        var config = new GenerationConfig { MaxNewTokens = 5, WellFormedGrounding = true };
        GenerationRequest[] requests = [.. prompts.Select(prompt => Request(prompt, GrammarEffectTests.Grammar(60)))];
        foreach (GenerationRequest request in requests)
            loop.Add(request);
        List<GenerationRequest> ended = [];
        while (loop.Count > 0)
            loop.Step(ended);
        Assert.That(requests[1].Result!.Sequences[0].Tokens, Is.EqualTo(requests[0].Result!.Sequences[0].Tokens));
        Assert.That(session.LogitsRead, Is.InRange(1, 5));

        GenerationRequest Request(int[] prompt, GroundingGrammar grammar)
        {
            var hooks = new GenerationHooks { Grammar = grammar };
            var plan = new GenerationPlan(config, 60, hooks);
            return new GenerationRequest(prompt, plan, new StoppingRules(plan, hooks, null, TimeProvider.System), null);
        }
    }

    [Test]
    public void AnswersThatBeginTogetherAreChosenApartByTheHostOnce()
    {
        var config = new GenerationConfig { DoSample = true, NumReturnSequences = 4, MaxNewTokens = 20, Seed = 2 };
        FakeSession device = FakeSession.WithNoise(s_prompts, 100, 1), host = FakeSession.WithNoise(s_prompts, 100, 1);
        GenerationResult chosen = Generator.Generate(device, s_prompts, config);
        Assert.That(chosen.Sequences.Select(s => s.Tokens), Is.EqualTo(Generator.Generate(host, s_prompts, config, s_onHost).Sequences.Select(s => s.Tokens)));
        Assert.That(device.LogitsRead, Is.EqualTo(12), "each answer's first token");
    }

    [Test]
    public void FiltersThatTheDeviceDoesNotKnowAreTheHosts([Values] bool typical)
    {
        var config = new GenerationConfig { DoSample = true, MaxNewTokens = 3, MinP = typical ? null : 0.1f, TypicalP = typical ? 0.9f : null };
        FakeSession session = FakeSession.WithNoise(s_prompts, 100, 1);
        Generator.Generate(session, s_prompts, config);
        Assert.That(session.LogitsRead, Is.EqualTo(9));
    }

    [TestCase("cpu")]
    [TestCase("reference")]
    [TestCase("opencl:0", Category = "OpenCL")]
    [TestCase("cuda:0", Category = "CUDA")]
    public void AModelsAnswersAreTheSame(string device)
    {
        ModelDevices.Require(device);
        using Kosmos2Model model = Kosmos2Model.Load(ReferenceModels.Folder("upstream-test"), Backends.Create(device));
        SequenceInput[] prompts = [.. Enumerable.Range(0, 3).Select(i => new SequenceInput { TokenIds = [7, 8, 9 + i] })];
        foreach (GenerationConfig settings in s_configs)
        {
            GenerationConfig config = settings with { MaxNewTokens = 15, Seed = 5 };
            GenerationResult chosen = model.Generate(prompts, null, config), expected = model.Generate(prompts, null, config, s_onHost);
            Assert.That(chosen.Sequences.Select(s => s.Tokens), Is.EqualTo(expected.Sequences.Select(s => s.Tokens)), $"{settings}");
        }
    }

    private sealed class Nothing : ILogitsProcessor
    {
        public void Process(in SequenceView sequence, Span<float> scores)
        {
        }
    }
}
