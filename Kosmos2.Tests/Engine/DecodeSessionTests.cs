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
        var bans = new TokenBans();
        var ids = new int[sequences];
        session.Prefill();
        for (int warmUp = 0; warmUp < 50; warmUp++)
            Step(session, bans, ids);

        // Blocks of the cache and sections of the step's table grow now and then, by doubling; between that a token takes nothing.
        var allocated = new List<long>();
        for (int token = 0; token < 100; token++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Step(session, bans, ids);
            allocated.Add(GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.That(allocated.Count(bytes => bytes != 0), Is.LessThanOrEqualTo(3), string.Join(" ", allocated.Where(bytes => bytes != 0)));
    }

    private static void Step(DecodeSession session, TokenBans bans, int[] ids)
    {
        session.SelectGreedy(ids);
        bans.Clear();
        for (int i = 0; i < ids.Length; i++)
        {
            bans.Add(9);
            bans.EndSequence();
        }
        session.Append(ids, bans);
    }
}
