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

    private readonly Lock _gate = new();
    private readonly bool[] _parked;
    private readonly AutoResetEvent[] _wake;
    private readonly Thread[] _threads;
    private delegate*<void*, int, int, void> _body;
    private void* _job;
    private Exception? _failure;
    private int _running;
    private int _generation;
    private bool _stopping;

    /// <summary>Starts the threads.</summary>
    /// <param name="workers">Workers including the caller, at least 1.</param>
    /// <param name="pin">Whether each thread stays on a core of its own, as far as there are so many. The caller is left alone: it is not ours.</param>
    public WorkerPool(int workers, bool pin = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        Workers = workers;
        _threads = new Thread[workers - 1];
        _parked = new bool[workers];
        _wake = new AutoResetEvent[workers];
        int[]? processors = pin && Cores.Processors() is { } cores && cores.Length >= workers ? cores : null;
        int started = 0;
        try
        {
            for (int worker = 1; worker < workers; worker++)
                _wake[worker] = new AutoResetEvent(false);
            for (; started < _threads.Length; started++)
            {
                int worker = started + 1;
                _threads[started] = new Thread(() => Work(worker, processors?[worker])) { IsBackground = true, Name = $"kosmos2 worker {worker}" };
                _threads[started].Start();
            }
        }
        catch
        {
            // The system has no more threads: those that there are must not wait for ever.
            _threads = _threads[..started];
            Dispose();
            throw;
        }
    }

    /// <summary>Workers including the caller.</summary>
    public int Workers { get; }

    /// <summary>Runs a job on every worker and returns when all are done.</summary>
    /// <exception cref="Exception">The first exception of a worker, once all have ended.</exception>
    public void Run<TJob>(ref TJob job)
        where TJob : unmanaged, IJob
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        if (_threads.Length == 0)
        {
            job.Run(0, 1);
            return;
        }
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
        for (int worker = 1; worker < Workers; worker++)
            _wake[worker].Dispose();
    }

    private static void Invoke<TJob>(void* job, int worker, int workers)
        where TJob : unmanaged, IJob => ((TJob*)job)->Run(worker, workers);

    private void Work(int worker, int? processor)
    {
        if (processor is { } own)
            _ = Affinity.Pin(own);
        int generation = 0;
        while (true)
        {
            Await(worker, generation++);
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
    private void Await(int worker, int generation)
    {
        long end = Stopwatch.GetTimestamp() + SpinTicks;
        while (Volatile.Read(ref _generation) == generation)
        {
            Thread.SpinWait(10);
            if (Stopwatch.GetTimestamp() < end)
                continue;
            lock (_gate)
            {
                if (_generation != generation)
                    return;
                _parked[worker] = true;
            }
            _wake[worker].WaitOne();
            return;
        }
    }

    private void WakeWorkers()
    {
        // Under the lock a worker is either marked as parked or will see the new generation. Each has an event of its own, so that a
        // worker which is quick to park again cannot take a slower one's signal.
        lock (_gate)
        {
            _generation++;
            for (int worker = 1; worker < Workers; worker++)
            {
                if (!_parked[worker])
                    continue;
                _parked[worker] = false;
                _wake[worker].Set();
            }
        }
    }

    private void Rethrow()
    {
        ExceptionDispatchInfo failure = ExceptionDispatchInfo.Capture(_failure!);
        _failure = null;
        failure.Throw();
    }
}
