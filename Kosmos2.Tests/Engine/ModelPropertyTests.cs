using CsCheck;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine;

/// <summary>Properties over random inputs. A failure prints the seed, which repeats it: <c>CsCheck_Seed=...</c> in the environment.</summary>
internal sealed class ModelPropertyTests
{
    private static readonly GenerationConfig[] s_configs =
    [
        new() { MaxNewTokens = 5 },
        new() { MaxNewTokens = 7, NoRepeatNgramSize = 2 },
        new() { MaxNewTokens = 6, RepetitionPenalty = 1.4f, OutputScores = ScoreOutput.Chosen },
        new() { MaxNewTokens = 5, DoSample = true, Seed = 3, OutputScores = ScoreOutput.Chosen },
        new() { MaxNewTokens = 4, NumBeams = 3, OutputScores = ScoreOutput.Chosen },
        new() { MaxNewTokens = 4, NumBeams = 2, DoSample = true, Seed = 8 },
    ];

    private static readonly Gen<GenerationConfig> s_settings = Gen.Int[0, s_configs.Length - 1].Select(i => s_configs[i]);

    private static readonly Gen<Row[]> s_batches =
        Gen.Select(Gen.Int[0, 1 << 20].Array[1, 24], Gen.Bool, Gen.Int[0, 23], (ids, image, cached) => new Row(ids, image, cached)).Array[1, 4];

    [TestCaseSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
    public void ABatchEqualsItsRowsAlone(string name)
    {
        using Kosmos2Model model = ReferenceModels.Load(name);
        int side = model.Config.VisionConfig.ImageSize;
        var random = new Random(5);
        using ImageEmbeddings image = model.EncodeImages([.. Enumerable.Range(0, 3 * side * side).Select(_ => random.NextSingle())], 1, side, side);
        Gen.Select(s_batches, s_settings).Sample(
            (rows, config) =>
            {
                KeyValueCache[] caches = [.. rows.Select(_ => model.CreateCache())];
                try
                {
                    SequenceInput[] whole = [.. rows.Select(row => Prompt(model, row))];
                    SequenceInput[] cached = [.. whole.Select((prompt, i) => Continued(model, image, prompt, rows[i].Cached, caches[i]))];
                    GenerationResult batch = model.Generate(cached, image, config);
                    for (int i = 0; i < rows.Length; i++)
                    {
                        GeneratedSequence alone = model.Generate([whole[i]], image, config with { FirstSequence = (ulong)i }).Sequences[0];
                        Assert.That(batch.Sequences[i].Tokens, Is.EqualTo(alone.Tokens), $"row {i}");
                        Assert.That(batch.Sequences[i].ChosenScores, Is.EqualTo(alone.ChosenScores), $"row {i}");
                        Assert.That(batch.Sequences[i].Score, Is.EqualTo(alone.Score), $"row {i}");
                    }
                }
                finally
                {
                    foreach (KeyValueCache cache in caches)
                        cache.Dispose();
                }
                Assert.That(model.Pool.InUse, Is.Zero, "blocks in use");
            },
            iter: 60,
            threads: 1);
    }

    [Test]
    public void ForksTruncationsAndAppendsLeaveWhatAFreshCacheHolds()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        Gen.Select(Gen.Int[0, 3], Gen.Int[0, 1000], Gen.Int[0, 98].Array[1, 20]).Array[1, 25].Sample(
            steps =>
            {
                var live = new List<(KeyValueCache Cache, List<int> Ids)> { (model.CreateCache(), []) };
                foreach (var (action, which, tokens) in steps)
                {
                    (KeyValueCache cache, List<int> ids) = live[which % live.Count];
                    if (action == 0)
                    {
                        live.Add((cache.Fork(), [.. ids]));
                    }
                    else if (action == 1)
                    {
                        int length = which % (ids.Count + 1);
                        cache.Truncate(length);
                        ids.RemoveRange(length, ids.Count - length);
                    }
                    else
                    {
                        ids.AddRange(tokens);
                        model.Forward([new SequenceInput { TokenIds = tokens, Cache = cache }], logits: LogitRows.None);
                    }
                }
                foreach (var (cache, ids) in live)
                {
                    using KeyValueCache fresh = model.CreateCache();
                    if (ids.Count > 0)
                        model.Forward([new SequenceInput { TokenIds = [.. ids], Cache = fresh }], logits: LogitRows.None);
                    Assert.That(cache.TokenIds.ToArray(), Is.EqualTo(ids));
                    Assert.That(cache.PositionCount, Is.EqualTo(fresh.PositionCount));
                    for (int layer = 0; layer < model.Config.TextConfig.Layers; layer++)
                    {
                        Assert.That(cache.CopyKeys(layer), Is.EqualTo(fresh.CopyKeys(layer)), $"keys of layer {layer}");
                        Assert.That(cache.CopyValues(layer), Is.EqualTo(fresh.CopyValues(layer)), $"values of layer {layer}");
                    }
                }
                foreach (var (cache, _) in live)
                    cache.Dispose();
                Assert.That(model.Pool.InUse, Is.Zero, "blocks in use");
            },
            iter: 200,
            threads: 1);
    }

    private static SequenceInput Prompt(Kosmos2Model model, Row row)
    {
        int vocabulary = model.Config.TextConfig.VocabSize, latents = model.Config.LatentQueryNum;
        return new SequenceInput
        {
            TokenIds = Array.ConvertAll(row.Ids, id => id % vocabulary),
            GivenRows = row.Image ? [.. row.Ids.Select((_, i) => i < latents ? i : -1)] : null,
        };
    }

    /// <summary>The prompt with some of its beginning already run.</summary>
    private static SequenceInput Continued(Kosmos2Model model, ImageEmbeddings image, SequenceInput prompt, int cached, KeyValueCache cache)
    {
        int split = Math.Min(cached, prompt.TokenIds.Length - 1);
        if (split == 0)
            return prompt;
        model.Forward([new SequenceInput { TokenIds = prompt.TokenIds[..split], GivenRows = prompt.GivenRows?[..split], Cache = cache }], image, LogitRows.None);
        return new SequenceInput { TokenIds = prompt.TokenIds[split..], GivenRows = prompt.GivenRows?[split..], Cache = cache };
    }

    /// <summary>A prompt: ids to be taken modulo the vocabulary, whether it has a picture, how many of its tokens are cached.</summary>
    private sealed record Row(int[] Ids, bool Image, int Cached)
    {
        public override string ToString() => $"[{string.Join(' ', Ids)}] image {Image} cached {Cached}";
    }
}
