using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine;

internal sealed class DecodeSessionTests
{
    [TestCase(1)]
    [TestCase(4)]
    public void ATokenAllocatesNothing(int sequences)
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        SequenceInput[] prompts = [.. Enumerable.Range(0, sequences).Select(i => new SequenceInput { TokenIds = [.. Enumerable.Range(8, 20 + i)] })];
        using DecodeSession session = model.StartSession(prompts, null);
        var choices = new StepChoices();
        var ids = new int[sequences];
        session.Forward();
        for (int warmUp = 0; warmUp < 50; warmUp++)
            Step(session, choices, ids);

        // Blocks of the cache and sections of the step's table grow now and then, by doubling; between that a token takes nothing.
        var allocated = new List<long>();
        for (int token = 0; token < 100; token++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Step(session, choices, ids);
            allocated.Add(GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.That(allocated.Count(bytes => bytes != 0), Is.LessThanOrEqualTo(3), string.Join(" ", allocated.Where(bytes => bytes != 0)));
    }

    [Test]
    public void SeveralTokensInOnePassAreWorthOnePassEach()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        SequenceInput[] prompts = [.. Enumerable.Range(0, 3).Select(i => new SequenceInput { TokenIds = [.. Enumerable.Range(8 + i, 10 + i)] })];
        int[][] more = [[40], [41, 42, 43, 44, 45, 46, 47], [50, 51]];
        using DecodeSession session = model.StartSession(prompts, null);
        session.Forward();
        session.Forward([.. more.SelectMany(ids => ids)], [1, 7, 2]);
        for (int i = 0; i < 3; i++)
        {
            using DecodeSession alone = model.StartSession([prompts[i]], null);
            alone.Forward();
            foreach (int id in more[i])
                alone.Forward([id]);
            Assert.That(session.LogitsOf(i).ToArray(), Is.EqualTo(alone.LogitsOf(0).ToArray()), $"sequence {i}");
        }
    }

    [Test]
    public void LogitsFollowTheirSequencesWhenSequencesSplitSwapAndLeave()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        SequenceInput[] prompts = [.. Enumerable.Range(0, 3).Select(i => new SequenceInput { TokenIds = [.. Enumerable.Range(8 + i, 10 + i)] })];
        using DecodeSession session = model.StartSession(prompts, null);
        session.Forward();
        float[][] before = [.. Enumerable.Range(0, 3).Select(i => session.LogitsOf(i).ToArray())];
        int[] chosen = new int[3], after = new int[4];
        session.SelectTokens(chosen);
        int[] parents = [2, 0, 2, 2];
        session.Rearrange(parents);
        session.SelectTokens(after);
        Assert.That(after, Is.EqualTo(parents.Select(p => chosen[p])));
        for (int i = 0; i < 4; i++)
            Assert.That(session.LogitsOf(i).ToArray(), Is.EqualTo(before[parents[i]]), $"sequence {i}");
        session.Forward([5, 5, 5, 5]);
        Assert.That(session.LogitsOf(0).ToArray(), Is.EqualTo(session.LogitsOf(2).ToArray()).And.Not.EqualTo(session.LogitsOf(1).ToArray()));
    }

    [TestCase(new[] { 4, 5 }, new int[0], "2 tokens were given; the 3 sequences take 3")]
    [TestCase(new[] { 4, 5, 6 }, new[] { 1, 2 }, "2 counts for 3 sequences")]
    [TestCase(new[] { 4, 5, 6 }, new[] { 1, 2, 0 }, "would get 0 tokens")]
    [TestCase(new[] { 4, 5, 6 }, new[] { 1, 2, 1 }, "3 tokens were given; the 3 sequences take 4")]
    public void TokensThatDoNotFitTheSequencesAreRefused(int[] tokens, int[] counts, string message)
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        using DecodeSession session = model.StartSession([new() { TokenIds = [4] }, new() { TokenIds = [5] }, new() { TokenIds = [6] }], null);
        session.Forward();
        Assert.That(() => session.Forward(tokens, counts), Throws.ArgumentException.With.Message.Contains(message));
    }

    private static void Step(DecodeSession session, StepChoices choices, int[] ids)
    {
        session.SelectTokens(ids);
        choices.Clear();
        for (int i = 0; i < ids.Length; i++)
        {
            choices.Bans.Add(9);
            choices.EndSequence();
        }
        session.Forward(ids, choices: choices);
    }
}
