using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Kernels.Gpu.Profiling;

/// <summary>
/// Where a device's time goes. A marker stands in the queue before every launch, which the device stamps with its own clock when it gets there; a launch lasts
/// from its marker to the next. The host must not be what the device waits for in between, so that a long kernel goes first, behind which launches pile up. What
/// launches of nothing last is taken off each.
/// </summary>
internal sealed class KernelProfile
{
    // Dependent operations of 4 cycles: some 8 ms, in which a step's launches are put into the queue.
    private const int DelaySteps = 1 << 22;
    private const int EmptyLaunches = 33;
    private const string Empty = "";

    private readonly List<(KernelLabel Label, long Bytes, ProfilingMarker Start)> _launches = [];
    private AcceleratorStream? _queue;
    private Action<AcceleratorStream, Index1D, ArrayView<float>, int>? _delay;
    private MemoryBuffer1D<float, Stride1D.Dense>? _number;
    private bool _records;

    /// <summary>Whether a device has taken this profile; others than GPUs take none.</summary>
    public bool IsAttached => _queue is not null;

    /// <summary>Called by the device when it is made; its context has profiling enabled.</summary>
    public void Attach(Accelerator accelerator, AcceleratorStream queue)
    {
        _queue = queue;
        _delay = accelerator.LoadAutoGroupedKernel<Index1D, ArrayView<float>, int>(DelayKernels.Delay);
        _number = accelerator.Allocate1D<float>(1);
        _number.MemSetToZero(queue);
    }

    /// <summary>Frees what <see cref="Attach"/> made.</summary>
    public void Detach() => _number?.Dispose();

    /// <summary>From now on launches are recorded.</summary>
    public void Begin()
    {
        Run(DelaySteps);
        _records = true;
        for (int i = 0; i < EmptyLaunches; i++)
        {
            Add(new KernelLabel(Empty, 0, 0, 0), 0);
            Run(0);
        }
    }

    /// <summary>Marks the beginning of a launch, if a recording is under way.</summary>
    public void Add(KernelLabel label, long bytes)
    {
        if (_records)
            _launches.Add((label, bytes, _queue!.AddProfilingMarker()));
    }

    /// <summary>Ends what <see cref="Begin"/> began, and waits for the device.</summary>
    /// <returns>Times by label, the longest first.</returns>
    public KernelTime[] End()
    {
        using ProfilingMarker end = _queue!.AddProfilingMarker();
        _records = false;
        end.Synchronize();
        var times = new List<(KernelLabel Label, long Bytes, double Seconds)>();
        for (int i = 0; i < _launches.Count; i++)
        {
            ProfilingMarker next = i + 1 < _launches.Count ? _launches[i + 1].Start : end;
            times.Add((_launches[i].Label, _launches[i].Bytes, next.MeasureFrom(_launches[i].Start).TotalSeconds));
        }
        foreach ((_, _, ProfilingMarker start) in _launches)
            start.Dispose();
        _launches.Clear();
        double[] empty = [.. times.Where(time => time.Label.Name == Empty).Select(time => time.Seconds).Order()];
        double overhead = empty[empty.Length / 2];
        return
        [
            .. times.Where(time => time.Label.Name != Empty)
                .GroupBy(time => time.Label)
                .Select(group => new KernelTime(
                    group.Key, group.Count(), group.Sum(time => Math.Max(0, time.Seconds - overhead)), group.Sum(time => time.Bytes)))
                .OrderByDescending(time => time.Seconds),
        ];
    }

    private void Run(int steps) => _delay!(_queue!, 1, _number!.View.AsContiguous(), steps);
}
