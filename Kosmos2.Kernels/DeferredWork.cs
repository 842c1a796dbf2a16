namespace Kosmos2.Kernels;

/// <summary>
/// Work that is done once, when it is first asked for, by whichever thread comes first while the others wait. If it fails it is done again when asked again.
/// </summary>
/// <param name="work">The work. It runs under a lock, so it must not wait for a thread that asks for the same work.</param>
internal sealed class DeferredWork(Action work)
{
    private readonly Lock _turn = new();
    private volatile bool _done;

    /// <summary>Returns when the work is done.</summary>
    public void Finish()
    {
        if (_done)
            return;
        lock (_turn)
        {
            if (_done)
                return;
            work();
            _done = true;
        }
    }
}
