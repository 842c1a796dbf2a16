using Kosmos2.Engine.Generation;

namespace Kosmos2.Tests.Engine.Generation;

public sealed class StoppingTests
{
    private const string Letters = "abcdefghij";

    private static readonly int[][] s_prompts = [[0, 1]];

    [Test]
    public void EachLimitHasItsReason()
    {
        Assert.That(Run(new() { MaxNewTokens = 4 }), Is.EqualTo((FinishReason.MaxNewTokens, 4)));
        Assert.That(Run(new() { MaxLength = 5 }), Is.EqualTo((FinishReason.MaxLength, 3)));
        Assert.That(Run(new() { MaxLength = 5, MaxNewTokens = 4 }), Is.EqualTo((FinishReason.MaxNewTokens, 4)), "max_new_tokens beats max_length");
        Assert.That(Run(new()), Is.EqualTo((FinishReason.MaxNewTokens, 20)), "the default");
        Assert.That(Run(new() { DefaultLengthCap = 9 }), Is.EqualTo((FinishReason.MaxNewTokens, 7)), "the default ends with the position table");
        Assert.That(Run(new() { DefaultLengthCap = 2 }), Is.EqualTo((FinishReason.MaxNewTokens, 20)), "a prompt beyond it is not refused");
        Assert.That(Run(new() { DefaultLengthCap = 9, MaxNewTokens = 15 }), Is.EqualTo((FinishReason.MaxNewTokens, 15)));
        Assert.That(Run(new() { MaxContext = new(6) }), Is.EqualTo((FinishReason.MaxContext, 4)));
        Assert.That(Run(new() { MaxNewTokens = 4, MaxContext = new(7) }), Is.EqualTo((FinishReason.MaxNewTokens, 4)));
        Assert.That(Run(new() { MaxNewTokens = 9, EosTokenId = [5] }), Is.EqualTo((FinishReason.Eos, 4)), "tokens count up from 2");
        Assert.That(Run(new() { MaxNewTokens = 4, EosTokenId = [5] }), Is.EqualTo((FinishReason.Eos, 4)), "the end is an end at the limit too");
        Assert.That(Run(new() { MaxNewTokens = int.MaxValue, EosTokenId = [9] }), Is.EqualTo((FinishReason.Eos, 8)), "prompt + limit does not overflow");
    }

    [TestCase("ef", 4)]
    [TestCase("bc", 1, Description = "begins in the prompt")]
    [TestCase("ab", 9, Description = "lies wholly in the prompt: not a new token's doing")]
    [TestCase("d", 2)]
    [TestCase("zz", 9)]
    public void AStopStringEndsWithTheTokenThatCompletesIt(string text, int count)
    {
        GenerationConfig config = new() { MaxNewTokens = 9, StopStrings = ["never", text] };
        Assert.That(Run(config), Is.EqualTo((count == 9 ? FinishReason.MaxNewTokens : FinishReason.StopString, count)));
    }

    [Test]
    public void AStopStringMayEndInsideAToken()
    {
        // Every token is three letters.
        GenerationResult result = Generator.Generate(
            Counting(), s_prompts, new() { MaxNewTokens = 9, StopStrings = ["dde"] }, decoder: tokens => Decode(tokens, 3));
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(new[] { 2, 3, 4 }));
    }

    [Test]
    public void TheCallersCriterionEndsASequence()
    {
        var hooks = new GenerationHooks { StoppingCriteria = [new AfterSum(12)] };
        GenerationResult result = Generator.Generate(Counting(), s_prompts, new() { MaxNewTokens = 9 }, hooks);
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(new[] { 2, 3, 4, 5 }));
        Assert.That(result.Sequences[0].FinishReason, Is.EqualTo(FinishReason.StoppingCriterion));
    }

    [Test]
    public void NoTokenIsBegunAfterTheTimeLimit([Values(1, 3)] int beams)
    {
        var clock = new StepClock();
        var session = new FakeSession(s_prompts, 10, (tokens, logits) =>
        {
            clock.Now += TimeSpan.FromSeconds(beams == 1 ? 1 : 1.0 / 3); // a pass computes a row for each beam
            logits[(tokens[^1] + 1) % 10] = 5;
        });
        GenerationConfig config = new() { MaxNewTokens = 9, MaxTime = TimeSpan.FromSeconds(3.5), NumBeams = beams };
        GenerationResult result = Generator.Generate(session, s_prompts, config, clock: clock);
        Assert.That(result.Sequences[0].FinishReason, Is.EqualTo(FinishReason.MaxTime));
        Assert.That(session.Passes, Is.EqualTo(beams == 1 ? 4 : 5), "the first pass has a row for each prompt only");
        Assert.That(result.Sequences[0].Tokens, Has.Count.EqualTo(session.Passes));
        Assert.That(result.Cancelled, Is.False);
    }

    [Test]
    public void CancellingEndsBetweenStepsWithWhatThereIs([Values(1, 3)] int beams, [Values(0, 1, 4)] int passes)
    {
        using var cancellation = new CancellationTokenSource();
        int rows = 0, seen = 0;
        var session = new FakeSession(s_prompts, 10, (tokens, logits) =>
        {
            if (tokens.Length > seen)
                (seen, rows) = (tokens.Length, rows + 1);
            if (rows == passes)
                cancellation.Cancel();
            logits[(tokens[^1] + 1) % 10] = 5;
        });
        if (passes == 0)
            cancellation.Cancel();
        GenerationResult result = Generator.Generate(
            session, s_prompts, new() { MaxNewTokens = 9, NumBeams = beams }, cancellation: cancellation.Token);
        Assert.That(result.Cancelled);
        Assert.That(session.Passes, Is.EqualTo(passes));
        Assert.That(result.Sequences[0].FinishReason, Is.EqualTo(FinishReason.Cancelled));
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(Enumerable.Range(2, passes)));
    }

    [Test]
    public void CancellingLeavesFinishedSequencesAsTheyAre()
    {
        using var cancellation = new CancellationTokenSource();
        int[][] prompts = [[0], [4]];
        var session = new FakeSession(prompts, 10, (tokens, logits) =>
        {
            if (tokens.Length == 4)
                cancellation.Cancel();
            logits[(tokens[^1] + 1) % 10] = 5;
        });
        GenerationResult result = Generator.Generate(
            session, prompts, new() { MaxNewTokens = 9, EosTokenId = [5] }, cancellation: cancellation.Token);
        Assert.That(result.Sequences.Select(s => s.FinishReason), Is.EqualTo(new[] { FinishReason.Cancelled, FinishReason.Eos }));
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(new[] { 1, 2, 3, 4 }));
    }

    private static (FinishReason Reason, int Count) Run(GenerationConfig config)
    {
        GeneratedSequence sequence = Generator.Generate(Counting(), s_prompts, config, decoder: tokens => Decode(tokens, 1)).Sequences[0];
        return (sequence.FinishReason, sequence.Tokens.Count);
    }

    /// <summary>A model that counts up from the last token.</summary>
    private static FakeSession Counting() => new(s_prompts, 10, (tokens, logits) => logits[(tokens[^1] + 1) % 10] = 5);

    private static string Decode(ReadOnlySpan<int> tokens, int width)
    {
        string text = "";
        foreach (int token in tokens)
            text += new string(Letters[token], width);
        return text;
    }

    private sealed class AfterSum(int sum) : IStoppingCriterion
    {
        public bool ShouldStop(in SequenceView sequence) => sequence.NewTokens.ToArray().Sum() > sum;
    }

    private sealed class StepClock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
