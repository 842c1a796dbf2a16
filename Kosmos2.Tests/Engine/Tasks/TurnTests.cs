using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;

namespace Kosmos2.Tests.Engine.Tasks;

/// <summary>Calls take turns; one that is cancelled does not wait for its own.</summary>
internal sealed class TurnTests
{
    private static readonly RgbImage s_image = Picture.Load(TestData.File("shapes", "22000000.png"));
    private static readonly Prompt s_prompt = new Prompt().Image(s_image).Append(Prompts.Caption);
    private static readonly GenerationConfig s_short = new() { MaxNewTokens = 2 };

    [Test]
    [CancelAfter(60_000)]
    public async Task WhoIsCancelledDoesNotWaitForOthers(CancellationToken limit)
    {
        using Kosmos2Engine engine = Load();
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var progress = new SynchronousProgress<GenerationProgress>(_ =>
        {
            begun.Set();
            goOn.Wait(limit);
        });
        Task<GroundedAnswer> other = Task.Run(() => engine.Generate(s_image, Prompts.Caption, s_short, progress), limit);
        try
        {
            begun.Wait(limit);
            Assert.That(() => engine.Generate(s_image, Prompts.Caption, cancellation: new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
            using var soon = new CancellationTokenSource(50);
            Assert.That(() => engine.Score(s_image, ["a ring"], cancellation: soon.Token), Throws.InstanceOf<OperationCanceledException>());
            using var later = new CancellationTokenSource(50);
            Assert.That(() => ReadAsync(engine.StreamAsync(s_prompt, s_short, later.Token)), Throws.InstanceOf<OperationCanceledException>());
            Assert.That(other.IsCompleted, Is.False, "it has kept its turn");
        }
        finally
        {
            goOn.Set();
        }
        GroundedAnswer expected = await other;
        Assert.That(expected.Raw, Does.EndWith(await ReadAsync(engine.StreamAsync(s_prompt, s_short, limit))), "the next has its turn");
    }

    [Test]
    public void ProgressMayAskTheEngineSomething()
    {
        using Kosmos2Engine engine = Load();
        IReadOnlyList<TextScore>? scores = null;
        var progress = new SynchronousProgress<GenerationProgress>(_ => scores ??= engine.Score(s_image, ["a ring"]));
        string answer = engine.Generate(s_image, Prompts.Caption, s_short, progress).Raw;
        Assert.That(answer, Is.EqualTo(engine.Generate(s_image, Prompts.Caption, s_short).Raw));
        Assert.That(scores![0].LogProbabilities, Is.EqualTo(engine.Score(s_image, ["a ring"])[0].LogProbabilities));
    }

    [Test]
    [CancelAfter(60_000)]
    public async Task ManyCallersComeToTheirTurnOneByOne(CancellationToken limit)
    {
        var turn = new CallersTurn();
        int inside = 0, most = 0, taken = 0;
        Task[] callers = [.. Enumerable.Range(0, 8).Select(caller => Task.Run(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                // Every other caller is called off now and then.
                using var source = CancellationTokenSource.CreateLinkedTokenSource(limit);
                if (caller % 2 == 0)
                    source.CancelAfter(TimeSpan.FromMicroseconds(i));
                try
                {
                    using (turn.Take(source.Token))
                    {
                        most = Math.Max(most, Interlocked.Increment(ref inside));
                        taken++;
                        Thread.Yield();
                        Interlocked.Decrement(ref inside);
                    }
                }
                catch (OperationCanceledException) when (!limit.IsCancellationRequested)
                {
                }
            }
        }, limit))];
        await Task.WhenAll(callers);
        Assert.That(most, Is.EqualTo(1));
        Assert.That(taken, Is.InRange(4 * 200, 8 * 200));
    }

    private static Kosmos2Engine Load() => Kosmos2Engine.Load(TestData.ShapesModel, new EngineOptions { Device = "cpu", Threads = 1 });

    private static async Task<string> ReadAsync(IAsyncEnumerable<string> pieces)
    {
        string all = "";
        await foreach (string piece in pieces)
            all += piece;
        return all;
    }
}
