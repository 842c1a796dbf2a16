using System.Diagnostics.CodeAnalysis;

namespace Kosmos2.Engine;

/// <summary>Values by key, whose sizes together stay within a budget: those that were not used for longest go first.</summary>
/// <param name="budget">The most that all sizes may come to; 0 keeps nothing.</param>
/// <param name="sizeOf">Size of a value, in the budget's unit.</param>
/// <param name="dropped">Told a value that is no longer kept, or null.</param>
internal sealed class LeastRecentlyUsed<TKey, TValue>(long budget, Func<TValue, long> sizeOf, Action<TValue>? dropped = null)
    where TKey : notnull
{
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> _nodes = [];
    private readonly LinkedList<(TKey Key, TValue Value)> _byUse = new();

    /// <summary>What all values take.</summary>
    public long Size { get; private set; }

    /// <summary>Keys and values, the least recently used first.</summary>
    public IEnumerable<(TKey Key, TValue Value)> Entries => _byUse;

    /// <summary>Looks a value up, which counts as a use.</summary>
    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        bool found = _nodes.TryGetValue(key, out LinkedListNode<(TKey Key, TValue Value)>? node);
        value = found ? node!.Value.Value : default;
        if (found)
        {
            _byUse.Remove(node!);
            _byUse.AddLast(node!);
        }
        return found;
    }

    /// <summary>Keeps a value under a key that has none, dropping others to make room; one larger than the budget is dropped itself.</summary>
    public void Add(TKey key, TValue value)
    {
        _nodes.Add(key, _byUse.AddLast((key, value)));
        Size += sizeOf(value);
        while (Size > budget)
            DropOldest();
    }

    /// <summary>Drops the value that was not used for longest.</summary>
    /// <returns>False when there is none.</returns>
    public bool DropOldest()
    {
        if (_byUse.First is not { } oldest)
            return false;
        _byUse.RemoveFirst();
        _nodes.Remove(oldest.Value.Key);
        Size -= sizeOf(oldest.Value.Value);
        dropped?.Invoke(oldest.Value.Value);
        return true;
    }
}
