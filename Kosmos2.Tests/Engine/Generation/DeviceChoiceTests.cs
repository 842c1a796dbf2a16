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

    [Test]
    public void AModelsAnswersAreTheSame([Values("cpu", "reference")] string device) => TheModelsAnswersAreTheHosts(device);

    [Test, Category("OpenCL")]
    public void AModelsAnswersAreTheSameOnOpenCl()
    {
        OpenClModelTests.RequireDevice();
        TheModelsAnswersAreTheHosts("opencl");
    }

    private static void TheModelsAnswersAreTheHosts(string device)
    {
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
