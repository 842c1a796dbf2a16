using System.Buffers;

namespace Kosmos2.Engine.Processing;

/// <summary>Token ids as they come, in a pooled array.</summary>
internal sealed class IdBuffer : IDisposable
{
    private int[] _ids = ArrayPool<int>.Shared.Rent(128);

    public int Count { get; private set; }

    public void Add(int id)
    {
        if (Count == _ids.Length)
        {
            int[] grown = ArrayPool<int>.Shared.Rent(checked(2 * Count));
            _ids.CopyTo(grown, 0);
            ArrayPool<int>.Shared.Return(_ids);
            _ids = grown;
        }
        _ids[Count++] = id;
    }

    /// <summary>Turns round the ids from a place on.</summary>
    public void Reverse(int first) => _ids.AsSpan(first, Count - first).Reverse();

    public int[] ToArray() => _ids.AsSpan(0, Count).ToArray();

    public void Dispose()
    {
        ArrayPool<int>.Shared.Return(_ids);
        _ids = [];
        Count = 0;
    }
}
