using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine;

/// <summary>
/// A row's logits are the same bits whatever runs beside it, however its past was cut into passes and however many threads work: for
/// the F32 ("upstream-test", "odd-sizes", "single-layer"), F16 ("real-shapes") and BF16 ("bf16") models.
/// </summary>
internal sealed class ModelInvarianceTests
{
    [Test]
    public void LogitsAreTheSameBitsAtAnyNumberOfRowsAndThreads([ValueSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))] string name)
    {
        using Kosmos2Model one = Load(name, "cpu", 1), two = Load(name, "cpu", 2);
        int[] ids = Ids(one, 66, seed: 1);
        float[] expected = one.Forward([new SequenceInput { TokenIds = ids }], logits: LogitRows.Last).Logits;
        foreach (Kosmos2Model model in new[] { one, two })
        {
            string threads = model == one ? "1 thread" : "2 threads";
            foreach (int rows in new[] { 1, 2, 7, 16, 65 })
            {
                // The last token decoded beside rows - 1 other sequences' tokens.
                KeyValueCache[] caches = [.. Enumerable.Range(0, rows).Select(_ => model.CreateCache())];
                int[][] all = [.. Enumerable.Range(0, rows).Select(i => i == rows / 2 ? ids : Ids(model, 2 + (i % 9), seed: i))];
                model.Forward([.. all.Zip(caches, (row, cache) => new SequenceInput { TokenIds = row[..^1], Cache = cache })], logits: LogitRows.None);
                ForwardOutput output = model.Forward(
                    [.. all.Zip(caches, (row, cache) => new SequenceInput { TokenIds = [row[^1]], Cache = cache })], logits: LogitRows.Last);
                Assert.That(output.Row(rows / 2, 0).ToArray(), Is.EqualTo(expected), $"{rows} sequences, {threads}");
                foreach (KeyValueCache cache in caches)
                    cache.Dispose();

                // The prompt in passes of so many rows.
                using KeyValueCache cut = model.CreateCache();
                float[] last = [];
                foreach (int[] piece in ids.Chunk(rows))
                    last = model.Forward([new SequenceInput { TokenIds = piece, Cache = cut }], logits: LogitRows.Last).Logits;
                Assert.That(last, Is.EqualTo(expected), $"in pieces of {rows}, {threads}");
            }
        }
    }

    [Test]
    public void TheSameSeedGivesTheSameTokensOnEveryThreadCountAndBatch([ValueSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))] string name) =>
        TokensAreTheSame(name, ("cpu", 1), ("cpu", 2), ("reference", 1));

    [Test, Category("OpenCL")]
    public void TheSameSeedGivesTheSameTokensOnOpenCl([Values("odd-sizes", "bf16")] string name) =>
        TokensAreTheSame(name, ("cpu", 1), ("opencl:0", 1));

    [Test, Category("CUDA")]
    public void TheSameSeedGivesTheSameTokensOnCuda([Values("odd-sizes", "bf16")] string name) =>
        TokensAreTheSame(name, ("cpu", 1), ("cuda:0", 1));

    private static void TokensAreTheSame(string name, params ReadOnlySpan<(string Device, int Threads)> devices)
    {
        foreach (var (device, _) in devices)
            ModelDevices.Require(device);
        var config = new GenerationConfig { DoSample = true, Seed = 17, MaxNewTokens = 8, Temperature = 1.5f };
        int[][]? expected = null;
        foreach (var (device, threads) in devices)
        {
            using Kosmos2Model model = Load(name, device, threads);
            SequenceInput[] prompts = [.. Enumerable.Range(0, 3).Select(i => new SequenceInput { TokenIds = Ids(model, 4 + (5 * i), seed: i) })];
            int[][] batch = Tokens(model.Generate(prompts, null, config));
            expected ??= batch;
            Assert.That(batch, Is.EqualTo(expected), $"{device}, {threads} threads");
            for (int i = 0; i < prompts.Length; i++)
            {
                int[][] alone = Tokens(model.Generate([prompts[i]], null, config with { FirstSequence = (ulong)i }));
                Assert.That(alone[0], Is.EqualTo(expected[i]), $"{device}, {threads} threads, row {i} alone");
            }
        }
    }

    private static int[][] Tokens(GenerationResult result) => [.. result.Sequences.Select(sequence => sequence.Tokens.ToArray())];

    private static Kosmos2Model Load(string name, string device, int threads) =>
        Kosmos2Model.Load(ReferenceModels.Folder(name), Backends.Create(device, threads: threads));

    private static int[] Ids(Kosmos2Model model, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(3, model.Config.TextConfig.VocabSize))];
    }
}
