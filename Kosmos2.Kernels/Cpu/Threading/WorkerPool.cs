using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Kosmos2.Kernels.Cpu.Threading;

/// <summary>
/// Threads that wait for the next job and do it together with the caller. A decode step is some two hundred jobs of a few microseconds
/// to a millisecond, so a worker first spins for the next one and parks only when none comes. Nothing is allocated for a job.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    // Longer than the gaps inside a step, shorter than anyone notices.
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    private readonly Lock _parking = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _threads;
    private delegate*<void*, int, int, void> _body;
    private void* _job;
    private Exception? _failure;
    private int _parked;
    private int _running;
    private int _generation;
    private bool _stopping;

    /// <summary>Starts the threads.</summary>
    /// <param name="workers">Workers including the caller, at least 1.</param>
    public WorkerPool(int workers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        Workers = workers;
        _threads = new Thread[workers - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"kosmos2 worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Workers including the caller.</summary>
    public int Workers { get; }

    /// <summary>Runs a job on every worker and returns when all are done.</summary>
    /// <exception cref="Exception">The first exception of a worker, once all have ended.</exception>
    public void Run<TJob>(ref TJob job)
        where TJob : unmanaged, IJob
    {
        if (_threads.Length == 0)
        {
            job.Run(0, 1);
            return;
        }
        ObjectDisposedException.ThrowIf(_stopping, this);
        fixed (TJob* pointer = &job)
        {
            _job = pointer;
            _body = &Invoke<TJob>;
            _running = _threads.Length;
            WakeWorkers();
            Guard(0);
            var wait = default(SpinWait);
            while (Volatile.Read(ref _running) != 0)
                wait.SpinOnce(sleep1Threshold: -1);
        }
        if (_failure is not null)
            Rethrow();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stopping)
            return;
        _stopping = true;
        WakeWorkers();
        foreach (Thread thread in _threads)
            thread.Join();
        _wake.Dispose();
    }

    private static void Invoke<TJob>(void* job, int worker, int workers)
        where TJob : unmanaged, IJob => ((TJob*)job)->Run(worker, workers);

    private void Work(int worker)
    {
        int generation = 0;
        while (true)
        {
            Await(generation++);
            if (_stopping)
                return;
            Guard(worker);
            Interlocked.Decrement(ref _running);
        }
    }

    private void Guard(int worker)
    {
        try
        {
            _body(_job, worker, Workers);
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
        }
    }

    // Returns once the generation is past the one given.
    private void Await(int generation)
    {
        long end = Stopwatch.GetTimestamp() + SpinTicks;
        while (Volatile.Read(ref _generation) == generation)
        {
            Thread.SpinWait(10);
            if (Stopwatch.GetTimestamp() < end)
                continue;
            lock (_parking)
            {
                if (_generation != generation)
                    return;
                _parked++;
            }
            _wake.Wait();
            return;
        }
    }

    private void WakeWorkers()
    {
        // Under the lock a worker is either parked and counted, or will see the new generation.
        lock (_parking)
        {
            _generation++;
            if (_parked > 0)
                _wake.Release(_parked);
            _parked = 0;
        }
    }

    private void Rethrow()
    {
        ExceptionDispatchInfo failure = ExceptionDispatchInfo.Capture(_failure!);
        _failure = null;
        failure.Throw();
    }
}
