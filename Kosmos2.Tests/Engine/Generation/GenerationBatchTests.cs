using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>Requests that come and go get what they would get alone.</summary>
internal sealed class GenerationBatchTests
{
    private static readonly GenerationConfig[] s_settings =
    [
        new() { MaxNewTokens = 9 },
        new() { MaxNewTokens = 14, NoRepeatNgramSize = 1 },
        new() { MaxNewTokens = 6, NoRepeatNgramSize = 2, RepetitionPenalty = 1.4f },
        new() { MaxNewTokens = 7, DoSample = true, Seed = 3, OutputScores = ScoreOutput.All },
        new() { MaxNewTokens = 11, DoSample = true, Seed = 9, FirstSequence = 5, NumReturnSequences = 3, Temperature = 1.5f, TopK = 0 },
        new() { MaxNewTokens = 1 },
        new() { MaxNewTokens = 12, EosTokenId = [.. Enumerable.Range(0, 30)], OutputScores = ScoreOutput.Chosen },
        new() { MaxNewTokens = 12, StopStrings = ["7 "] },
    ];

    [TestCaseSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
    public void WhoeverJoinsWheneverGetsWhatItWouldGetAlone(string name)
    {
        using Kosmos2Model model = ReferenceModels.Load(name);
        var random = new Random(11);
        int side = model.Config.VisionConfig.ImageSize, size = 3 * side * side;
        float[] pixels = [.. Enumerable.Range(0, 2 * size).Select(_ => (random.NextSingle() * 4) - 2)];
        using ImageEmbeddings first = model.EncodeImages(pixels.AsSpan(0, size), 1, side, side), second = model.EncodeImages(pixels.AsSpan(size), 1, side, side);
        using KeyValueCache prefix = model.CreateCache();
        model.Forward([new SequenceInput { TokenIds = [.. Enumerable.Range(5, 21)], Cache = prefix }], logits: LogitRows.None);

        var jobs = new List<Job>();
        using (var batch = new GenerationBatch(model))
        {
            // Sometimes several join a step, sometimes none; sometimes the batch runs dry.
            for (int step = 0; jobs.Count < 24 || batch.Count > 0; step++)
            {
                for (int joining = jobs.Count < 24 ? random.Next(4) - 1 : 0; joining > 0; joining--)
                {
                    var job = new Job(RandomPrompt(), random.Next(2) == 0 ? first : second, s_settings[jobs.Count % s_settings.Length]);
                    var hooks = new GenerationHooks { Progress = new SynchronousProgress<GeneratedToken>(token => job.Told.Add(token.Id)) };
                    job.Request = batch.Add(job.Prompt, job.Images, job.Config, hooks, Decode);
                    jobs.Add(job);
                }
                IReadOnlyList<GenerationRequest> ended = batch.Step();
                Assert.That(ended.Select(request => request.Result), Has.None.Null);
                if (step % 5 == 0)
                    model.Forward([new SequenceInput { TokenIds = [4, 5] }]); // others may use the model between two steps
            }
        }
        Assert.That(model.Pool.InUse, Is.EqualTo(prefix.Blocks.Count), "only the prefix is left");
        foreach (Job job in jobs)
        {
            IReadOnlyList<GeneratedSequence> expected = model.Generate([job.Prompt], job.Images, job.Config, decoder: Decode).Sequences;
            IReadOnlyList<GeneratedSequence> found = job.Request!.Result!.Sequences;
            Assert.That(found, Has.Count.EqualTo(job.Config.NumReturnSequences ?? 1));
            for (int i = 0; i < expected.Count; i++)
            {
                Assert.That(found[i].Tokens, Is.EqualTo(expected[i].Tokens), $"{job.Config}");
                Assert.That(found[i].FinishReason, Is.EqualTo(expected[i].FinishReason));
                Assert.That(found[i].ChosenScores, Is.EqualTo(expected[i].ChosenScores));
                Assert.That(found[i].Scores, Is.EqualTo(expected[i].Scores));
            }
            Assert.That(job.Told, Is.EquivalentTo(expected.SelectMany(sequence => sequence.Tokens)), "progress");
        }

        SequenceInput RandomPrompt()
        {
            int length = random.Next(1, 40), latents = model.Config.LatentQueryNum;
            return new SequenceInput
            {
                TokenIds = [.. Enumerable.Range(0, length).Select(_ => random.Next(3, model.Config.TextConfig.VocabSize))],
                GivenRows = random.Next(2) == 0 ? null : [.. Enumerable.Range(0, length).Select(i => i < latents ? i : -1)],
                Cache = random.Next(3) == 0 ? prefix : null,
            };
        }
    }

    [Test]
    public void ARowOfABatchIsReproducedAloneByItsNumber()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        SequenceInput[] prompts = [.. Enumerable.Range(0, 5).Select(_ => new SequenceInput { TokenIds = [7, 8, 9] })];
        var config = new GenerationConfig { DoSample = true, Seed = 21, MaxNewTokens = 10, Temperature = 3 };
        GenerationResult together = model.Generate(prompts, null, config);
        Assert.That(together.Sequences.Select(s => string.Join(' ', s.Tokens)).Distinct().Count(), Is.EqualTo(5), "each row draws its own");
        for (int i = 0; i < prompts.Length; i++)
        {
            GenerationResult alone = model.Generate([prompts[i]], null, config with { FirstSequence = (ulong)i });
            Assert.That(alone.Sequences[0].Tokens, Is.EqualTo(together.Sequences[i].Tokens), $"row {i}");
        }
    }

    [Test]
    public void ACancelledRequestLeavesWithWhatThereIs()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        using var batch = new GenerationBatch(model);
        var config = new GenerationConfig { MaxNewTokens = 20, EosTokenId = [] };
        GenerationRequest stays = batch.Add(new SequenceInput { TokenIds = [4, 5, 6] }, config: config);
        GenerationRequest leaves = batch.Add(new SequenceInput { TokenIds = [7, 8] }, config: config);
        for (int i = 0; i < 3; i++)
            Assert.That(batch.Step(), Is.Empty);
        leaves.Cancel();
        GenerationRequest never = batch.Add(new SequenceInput { TokenIds = [9] }, config: config with { DoSample = true, NumReturnSequences = 2 });
        never.Cancel();
        Assert.That(batch.Step(), Is.EqualTo(new[] { leaves, never }));
        Assert.That(batch.Count, Is.EqualTo(1));
        Assert.That(leaves.Result!.Cancelled);
        Assert.That(leaves.Result.Sequences[0].Tokens, Has.Count.EqualTo(3));
        Assert.That(leaves.Result.Sequences[0].FinishReason, Is.EqualTo(FinishReason.Cancelled));
        Assert.That(never.Result!.Sequences.Select(s => s.Tokens.Count), Is.EqualTo(new[] { 0, 0 }));

        while (batch.Count > 0)
            batch.Step();
        Assert.That(stays.Result!.Cancelled, Is.False);
        Assert.That(stays.Result.Sequences[0].Tokens, Is.EqualTo(model.Generate([new() { TokenIds = [4, 5, 6] }], null, config).Sequences[0].Tokens));
        Assert.That(batch.Step(), Is.Empty, "an empty batch");
    }

    [Test]
    public void AFullCacheStopsTheStepUntilSomeoneLeaves()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test", maxCachedTokens: 64);
        using var batch = new GenerationBatch(model);
        var config = new GenerationConfig { MaxNewTokens = 12, EosTokenId = [] };
        SequenceInput small = new() { TokenIds = [.. Enumerable.Range(10, 14)] }, large = new() { TokenIds = [.. Enumerable.Range(20, 50)] };
        GenerationRequest first = batch.Add(small, config: config);
        batch.Step();
        GenerationRequest second = batch.Add(large, config: config);
        Assert.That(batch.Step, Throws.InstanceOf<KeyValueCacheFullException>());
        second.Cancel();
        while (batch.Count > 0)
            batch.Step();
        Assert.That(second.Result!.Sequences[0].Tokens, Is.Empty);
        Assert.That(first.Result!.Sequences[0].Tokens, Is.EqualTo(model.Generate([small], null, config).Sequences[0].Tokens));
        Assert.That(model.Pool.InUse, Is.Zero);
    }

    [Test]
    public void WhoLeftWithAStepThatHadNoRoomIsReturnedByTheNext()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test", maxCachedTokens: 64);
        using var batch = new GenerationBatch(model);
        var config = new GenerationConfig { MaxNewTokens = 12, EosTokenId = [] };
        GenerationRequest small = batch.Add(new() { TokenIds = [10, 11] }, config: config), stays = batch.Add(new() { TokenIds = [12, 13] }, config: config);
        batch.Step();
        GenerationRequest large = batch.Add(new() { TokenIds = [.. Enumerable.Range(20, 60)] }, config: config);
        small.Cancel();
        Assert.That(batch.Step, Throws.InstanceOf<KeyValueCacheFullException>());
        Assert.That(small.Result!.Cancelled);
        large.Cancel();
        Assert.That(batch.Step(), Is.EqualTo(new[] { small, large }));
        Assert.That(batch.Step(), Is.Empty, "once");
        Assert.That(stays.Result, Is.Null);
    }

    [Test]
    public void WhatCannotJoinIsRefusedAndTheBatchGoesOn()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        using var batch = new GenerationBatch(model);
        SequenceInput prompt = new() { TokenIds = [4, 5, 6] };
        Assert.That(() => batch.Add(prompt, config: new() { NumBeams = 2 }), Throws.ArgumentException.With.Message.Contains("num_beams is 2"));
        Assert.That(() => batch.Add(prompt, config: new() { MaxLength = 3 }), Throws.ArgumentException.With.Message.Contains("no room"));
        Assert.That(() => batch.Add(prompt, config: new() { TopP = 2 }), Throws.ArgumentException.With.Message.Contains("top_p"));
        Assert.That(() => batch.Add(new() { TokenIds = [99] }), Throws.ArgumentException.With.Message.Contains("token id 99"));
        Assert.That(() => batch.Add(prompt, config: new() { StopStrings = ["x"] }), Throws.ArgumentException.With.Message.Contains("stop_strings"));
        Assert.That(batch.Count, Is.Zero);
        GenerationRequest request = batch.Add(prompt, config: new() { MaxNewTokens = 1 });
        Assert.That(batch.Step(), Is.EqualTo(new[] { request }));
    }

    [Test]
    public void WhereAllIsForbiddenTheFirstTokenComes()
    {
        // As an argmax over nothing but minus infinity: in a vocabulary of 99 no single token is left after 99.
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        SequenceInput[] prompt = [new() { TokenIds = [.. Enumerable.Range(0, 99)] }];
        var config = new GenerationConfig { NoRepeatNgramSize = 1, MaxNewTokens = 2 };
        Assert.That(model.Generate(prompt, null, config).Sequences[0].Tokens, Is.EqualTo(new[] { 0, 0 }), "chosen on the device");
        Assert.That(model.Generate(prompt, null, config with { OutputScores = ScoreOutput.Chosen }).Sequences[0].Tokens, Is.EqualTo(new[] { 0, 0 }), "on the host");
    }

    private static string Decode(int[] ids) => string.Concat(ids.Select(id => $"{id} "));

    private sealed class Job(SequenceInput prompt, ImageEmbeddings images, GenerationConfig config)
    {
        public SequenceInput Prompt => prompt;

        public ImageEmbeddings Images => images;

        public GenerationConfig Config => config;

        public List<int> Told { get; } = [];

        public GenerationRequest? Request { get; set; }
    }
}
