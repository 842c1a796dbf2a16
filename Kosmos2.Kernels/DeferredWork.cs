namespace Kosmos2.Kernels;

/// <summary>
/// Work that is done once, when it is first asked for, by whichever thread comes first while the others wait. If it fails, or what it made is gone, it is done again
/// when asked again.
/// </summary>
/// <param name="work">The work. It runs under a lock, so it must not wait for a thread that asks for the same work.</param>
internal sealed class DeferredWork(Action work)
{
    private readonly Lock _turn = new();
    private volatile bool _done;

    /// <summary>Returns when the work is done and what it made for a storage is there.</summary>
    /// <param name="asking">The storage.</param>
    public void Finish(DeferredStorage asking)
    {
        if (_done && asking.IsHeld)
            return;
        lock (_turn)
        {
            if (_done && asking.IsHeld)
                return;
            _done = false;
            work();
            _done = true;
        }
    }
}
