using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Tests.Kernels.Cpu;

public sealed unsafe class WorkerPoolTests
{
    [Test]
    public void EveryWorkerRunsEveryJobOnce([Values(1, 2, 3, 8)] int workers)
    {
        using var pool = new WorkerPool(workers);
        int* counts = stackalloc int[workers];
        var job = new CountJob { Counts = counts };
        for (int i = 0; i < 500; i++)
        {
            pool.Run(ref job);
            for (int worker = 0; worker < workers; worker++)
                Assert.That(counts[worker], Is.EqualTo(i + 1), $"job {i}, worker {worker}");
        }
    }

    [Test]
    public void ParkedWorkersWakeUp()
    {
        using var pool = new WorkerPool(3);
        int* counts = stackalloc int[3];
        var job = new CountJob { Counts = counts };
        for (int i = 0; i < 5; i++)
        {
            // Far longer than a worker spins.
            Thread.Sleep(20);
            pool.Run(ref job);
        }
        Assert.That(new[] { counts[0], counts[1], counts[2] }, Is.All.EqualTo(5));
    }

    [Test]
    public void AnExceptionReachesTheCallerAndThePoolGoesOn([Values(0, 1)] int failing)
    {
        using var pool = new WorkerPool(2);
        var bad = new FailingJob { Worker = failing };
        Assert.That(() => pool.Run(ref bad), Throws.InvalidOperationException.With.Message.EqualTo($"worker {failing}"));
        int* counts = stackalloc int[2];
        var good = new CountJob { Counts = counts };
        pool.Run(ref good);
        Assert.That(counts[0] + counts[1], Is.EqualTo(2));
    }

    [Test]
    public void PinnedWorkersStayOnACoreEachAndTheCallerIsLeftAlone()
    {
        if (Cores.Processors() is not { Length: > 1 } cores)
        {
            Assert.Ignore("not run: there are not two cores to pin to, or the system does not tell");
            return;
        }
        int before = Affinity.Allowed()!.Length;
        using var pool = new WorkerPool(2, pin: true);
        int* processors = stackalloc int[2];
        var job = new AllowedJob { Processors = processors };
        pool.Run(ref job);
        Assert.That((processors[0], processors[1]), Is.EqualTo((before > 1 ? -1 : cores[0], cores[1])));
    }

    /// <summary>As many threads as the system leaves, not as the machine has: a thread that may run on one processor counts one core.</summary>
    [Test]
    public void CoresAreThoseThatTheSystemLeaves()
    {
        if (Affinity.Allowed() is not { } allowed)
        {
            Assert.Ignore("not run: the system does not tell which processors a thread may run on");
            return;
        }
        int[]? cores = null;
        int available = 0;
        var thread = new Thread(() =>
        {
            Affinity.Pin(allowed[^1]);
            cores = Cores.Processors();
            available = Cores.Available();
        });
        thread.Start();
        thread.Join();
        Assert.That(cores, Is.EqualTo(allowed[^1..]));
        Assert.That(available, Is.EqualTo(1));
    }

    [Test]
    public void ADisposedPoolRefusesJobs([Values(1, 2)] int workers)
    {
        var pool = new WorkerPool(workers);
        pool.Dispose();
        pool.Dispose();
        Assert.That(
            () =>
            {
                var job = new FailingJob { Worker = -1 };
                pool.Run(ref job);
            },
            Throws.InstanceOf<ObjectDisposedException>());
    }

    // The one processor that a worker may run on, -1 where there are more.
    private struct AllowedJob : IJob
    {
        public int* Processors;

        public readonly void Run(int worker, int workers) => Processors[worker] = Affinity.Allowed() is [int only] ? only : -1;
    }

    private struct CountJob : IJob
    {
        public int* Counts;

        public readonly void Run(int worker, int workers) => Counts[worker]++;
    }

    private struct FailingJob : IJob
    {
        public int Worker;

        public readonly void Run(int worker, int workers)
        {
            if (worker == Worker)
                throw new InvalidOperationException($"worker {worker}");
        }
    }
}
