namespace Kosmos2.Kernels.Gpu.Graphs;

/// <summary>
/// The recorded steps of a queue. A signature runs plainly the first time, which compiles kernels and grows buffers, is recorded the second time, and
/// repeated from then on: some 150 launches become one. What a recording holds are addresses, so all are void once any buffer of the device comes or goes.
/// </summary>
internal sealed class StepGraphs(IGraphDriver driver) : IDisposable
{
    // A batch that shrinks and grows passes through many sizes; the oldest recordings go first.
    private const int Most = 32;

    private readonly Dictionary<(StepSignature Step, int Layout), nint> _graphs = [];
    private readonly Queue<(StepSignature Step, int Layout)> _ages = new();
    private (StepSignature Step, int Layout)? _recording;
    private long _memoryVersion;
    private bool _refused;

    /// <summary>Puts a recorded step into the queue, or begins to record it.</summary>
    /// <param name="step">The step.</param>
    /// <param name="memoryVersion">Changes when a buffer comes or goes.</param>
    /// <returns>Whether the step is in the queue; otherwise its operations are to follow.</returns>
    public bool TryRepeat(in StepSignature step, long memoryVersion)
    {
        if (_refused)
            return false;
        if (memoryVersion != _memoryVersion)
            Clear();
        _memoryVersion = memoryVersion;
        (StepSignature Step, int Layout) key = (step, step.Table.LayoutVersion);
        if (!_graphs.TryGetValue(key, out nint graph))
        {
            if (_graphs.Count == Most)
                Remove(_ages.Dequeue());
            _graphs.Add(key, 0);
            _ages.Enqueue(key);
            return false;
        }
        if (graph == 0)
        {
            if (driver.Begin())
                _recording = key;
            else
                _refused = true;
            return false;
        }
        driver.Launch(graph);
        return true;
    }

    /// <summary>Ends what <see cref="TryRepeat"/> began.</summary>
    /// <returns>Whether the step's operations are in the queue; otherwise they are to be put there again.</returns>
    public bool End()
    {
        if (_recording is not { } key)
            return true;
        _recording = null;
        nint graph = driver.End();
        if (graph == 0)
        {
            // Whatever it was will be in the next step too.
            _refused = true;
            return false;
        }
        _graphs[key] = graph;
        driver.Launch(graph);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private void Clear()
    {
        while (_ages.TryDequeue(out (StepSignature Step, int Layout) key))
            Remove(key);
    }

    private void Remove((StepSignature Step, int Layout) key)
    {
        if (_graphs.Remove(key, out nint graph) && graph != 0)
            driver.Free(graph);
    }
}
