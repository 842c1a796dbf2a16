namespace Kosmos2.Engine;

/// <summary>
/// Lets one thread in at a time. Unlike with a lock, whoever waits can be called off; as with a lock, who is in may come in again: a caller's progress may ask
/// the engine something.
/// </summary>
internal sealed class CallersTurn
{
    private readonly object _gate = new(); // held for moments, never for a turn
    private int? _thread; // that is in
    private int _depth;

    /// <summary>Waits for the turn, which lasts until the result is disposed, on the same thread.</summary>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="OperationCanceledException">It was cancelled; the turn is not the caller's.</exception>
    public Holder Take(CancellationToken cancellation = default)
    {
        int thread = Environment.CurrentManagedThreadId;
        using CancellationTokenRegistration alarm = cancellation.UnsafeRegister(static turn => ((CallersTurn)turn!).Wake(), this);
        lock (_gate)
        {
            cancellation.ThrowIfCancellationRequested();
            while (_thread is { } other && other != thread)
            {
                Monitor.Wait(_gate);
                cancellation.ThrowIfCancellationRequested();
            }
            _thread = thread;
            _depth++;
        }
        return new Holder(this);
    }

    private void Leave()
    {
        lock (_gate)
        {
            if (--_depth > 0)
                return;
            _thread = null;
        }
        Wake();
    }

    // All of them: one who is called off would swallow the call that was meant for another.
    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    /// <summary>A turn that was taken.</summary>
    public readonly struct Holder(CallersTurn turn) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => turn.Leave();
    }
}
