namespace Kosmos2.Kernels.Gpu.Graphs;

/// <summary>
/// The recorded steps of a queue. A signature runs plainly the first time, which compiles kernels and grows buffers, is recorded the second time, and
/// repeated from then on: some hundreds of launches become one. What a recording holds are addresses, so all are void once a buffer of the device is gone.
/// </summary>
internal sealed class StepGraphs(IGraphDriver driver) : IDisposable
{
    // A batch that shrinks and grows passes through many sizes; the oldest recordings go first.
    private const int Most = 32;

    // Prompts have many lengths, most of which come once.
    private const int MostNoted = 256;

    private readonly Dictionary<(StepSignature Step, int Layout), nint> _graphs = [];
    private readonly Queue<(StepSignature Step, int Layout)> _ages = new();
    private readonly HashSet<(StepSignature Step, int Layout)> _seen = [];
    private readonly HashSet<(StepSignature Step, int Layout)> _unrecordable = [];
    private (StepSignature Step, int Layout)? _recording;
    private long _memoryVersion;
    private bool _refused;
    private bool _spoilt;

    /// <summary>Puts a recorded step into the queue, or begins to record it.</summary>
    /// <param name="step">The step.</param>
    /// <param name="memoryVersion">Changes when a buffer goes.</param>
    /// <returns>Whether the step is in the queue; otherwise its operations are to follow.</returns>
    public bool TryRepeat(in StepSignature step, long memoryVersion)
    {
        if (_refused)
            return false;
        if (memoryVersion != _memoryVersion)
            Clear();
        _memoryVersion = memoryVersion;
        (StepSignature Step, int Layout) key = (step, step.Table?.LayoutVersion ?? 0);
        if (_graphs.TryGetValue(key, out nint graph))
        {
            driver.Launch(graph);
            return true;
        }
        if (_unrecordable.Contains(key))
            return false;
        if (_seen.Remove(key))
        {
            _spoilt = false;
            if (driver.Begin())
                _recording = key;
            else
                _refused = true;
            return false;
        }
        Note(key, _seen);
        return false;
    }

    /// <summary>Says that an operation had to do with memory whose coming and going nobody watches. A recording under way is then worth nothing.</summary>
    public void Spoil() => _spoilt = true;

    /// <summary>Ends what <see cref="TryRepeat"/> began.</summary>
    /// <returns>Whether the step's operations are in the queue; otherwise they are to be put there again.</returns>
    public bool End()
    {
        if (_recording is not { } key)
            return true;
        nint graph = driver.End();
        if (graph == 0 || _spoilt)
        {
            Discard(key, graph);
            return false;
        }
        _recording = null;
        if (_graphs.Count == Most && _ages.TryDequeue(out (StepSignature Step, int Layout) oldest))
            Remove(oldest);
        _graphs.Add(key, graph);
        _ages.Enqueue(key);
        driver.Launch(graph);
        return true;
    }

    /// <summary>Ends a recording that an operation's error has cut short: for whatever no recorded step does.</summary>
    public void Abandon()
    {
        if (_recording is { } key)
            Discard(key, driver.End());
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    // Whatever it was that could not be recorded will be in the next such step too.
    private void Discard((StepSignature Step, int Layout) key, nint graph)
    {
        _recording = null;
        if (graph != 0)
            driver.Free(graph);
        Note(key, _unrecordable);
    }

    private static void Note((StepSignature Step, int Layout) key, HashSet<(StepSignature Step, int Layout)> keys)
    {
        if (keys.Count == MostNoted)
            keys.Clear();
        keys.Add(key);
    }

    private void Clear()
    {
        while (_ages.TryDequeue(out (StepSignature Step, int Layout) key))
            Remove(key);
        _seen.Clear();
        _unrecordable.Clear();
    }

    private void Remove((StepSignature Step, int Layout) key)
    {
        if (_graphs.Remove(key, out nint graph))
            driver.Free(graph);
    }
}
