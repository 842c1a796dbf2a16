using System.Buffers.Binary;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// All pieces of a vocabulary in a double array (J. Aoe, "An efficient digital search algorithm by using a double-array structure", 1989): the
/// child of a node by a byte stands at the node's base plus that byte, if the unit there names the node as its parent. One step is one read.
/// </summary>
internal sealed class PieceTrie
{
    /// <summary>The node of the empty prefix.</summary>
    public const int Root = 0;

    private readonly Unit[] _units;

    private PieceTrie(Unit[] units) => _units = units;

    /// <summary>The node after another and a byte; negative if no piece goes on so.</summary>
    public int Next(int node, byte label)
    {
        int next = _units[node].Base + label;
        return _units[next].Parent == node ? next : -1;
    }

    /// <summary>The id of the piece that ends at a node, or -1.</summary>
    public int PieceAt(int node) => _units[node].Piece;

    /// <summary>Builds the trie. Of equal pieces the last counts, as in the tokenizers library; empty ones are left out.</summary>
    /// <param name="pieces">Each piece's bytes; its place is its id.</param>
    public static PieceTrie Build(byte[][] pieces)
    {
        int[] order = [.. Enumerable.Range(0, pieces.Length).Where(id => pieces[id].Length > 0)];
        Sort(order, pieces);
        return new PieceTrie(new Builder(pieces, order).Build());
    }

    /// <summary>Sorts ids by their pieces' bytes, equal ones by id: by the first eight bytes as a number, and what these leave open by all.</summary>
    private static void Sort(int[] order, byte[][] pieces)
    {
        ulong[] keys = Array.ConvertAll(order, id => Beginning(pieces[id]));
        Array.Sort(keys, order);
        for (int start = 0, end; start < order.Length; start = end)
        {
            end = start + 1;
            while (end < order.Length && keys[end] == keys[start])
                end++;
            order.AsSpan(start, end - start).Sort((a, b) => pieces[a].AsSpan().SequenceCompareTo(pieces[b]) is var sign && sign != 0 ? sign : a.CompareTo(b));
        }

        static ulong Beginning(byte[] piece)
        {
            Span<byte> bytes = stackalloc byte[sizeof(ulong)];
            bytes.Clear();
            piece.AsSpan(0, Math.Min(piece.Length, bytes.Length)).CopyTo(bytes);
            return BinaryPrimitives.ReadUInt64BigEndian(bytes);
        }
    }

    private struct Unit
    {
        public int Base;
        public int Parent;
        public int Piece;
    }

    /// <summary>Places nodes breadth first; each is a range of the sorted pieces that share a prefix.</summary>
    private sealed class Builder(byte[][] pieces, int[] order)
    {
        /// <summary>Places tried for a node's children before they go to the end of the array: bounds the time on any vocabulary.</summary>
        private const int MaxAttempts = 32;

        private readonly Queue<(int Node, int First, int Last, int Depth)> _queue = new();
        private readonly byte[] _labels = new byte[256];
        private readonly int[] _starts = new int[257];
        private Unit[] _units = [];
        private int[] _nextFree = [];
        private int _firstFree = 1;

        /// <summary>One past the highest unit in use.</summary>
        private int _end = 1;

        public Unit[] Build()
        {
            Grow(1024);
            _units[Root].Parent = int.MaxValue;
            _queue.Enqueue((Root, 0, order.Length, 0));
            while (_queue.TryDequeue(out var range))
                Place(range.Node, range.First, range.Last, range.Depth);
            // Any base plus any byte lies within the array, so that a step needs no check of its own.
            Array.Resize(ref _units, Math.Min(_units.Length, _end + 256));
            return _units;
        }

        private void Place(int node, int first, int last, int depth)
        {
            while (first < last && pieces[order[first]].Length == depth)
                _units[node].Piece = order[first++];
            int count = 0;
            for (int i = first; i < last; i++)
            {
                byte label = pieces[order[i]][depth];
                if (count > 0 && _labels[count - 1] == label)
                    continue;
                _starts[count] = i;
                _labels[count++] = label;
            }
            if (count == 0)
                return;
            _starts[count] = last;

            int children = FindBase(count);
            _units[node].Base = children;
            for (int i = 0; i < count; i++)
            {
                int child = children + _labels[i];
                _units[child].Parent = node;
                _end = Math.Max(_end, child + 1);
                _queue.Enqueue((child, _starts[i], _starts[i + 1], depth + 1));
            }
        }

        /// <summary>A base at which all <paramref name="count"/> labels fall on free units.</summary>
        private int FindBase(int count)
        {
            int first = _labels[0];
            int last = _labels[count - 1];
            _firstFree = SkipUsed(_firstFree);
            int attempts = 0;
            for (int place = SkipUsed(Math.Max(_firstFree, first)); place < _end && attempts < MaxAttempts; place = SkipUsed(place + 1), attempts++)
            {
                int candidate = place - first;
                Grow(candidate + last + 1);
                if (AllFree(candidate, count))
                    return candidate;
            }
            int end = Math.Max(_end - first, 0);
            Grow(end + last + 257);
            return end;
        }

        private bool AllFree(int candidate, int count)
        {
            for (int i = 1; i < count; i++)
            {
                if (_units[candidate + _labels[i]].Parent >= 0)
                    return false;
            }
            return true;
        }

        /// <summary>The first free unit at or after a place; shortens the way for the next who asks.</summary>
        private int SkipUsed(int place)
        {
            Grow(place + 2);
            int free = place;
            while (_units[free].Parent >= 0)
            {
                free = _nextFree[free];
                Grow(free + 2);
            }
            while (place != free)
                (place, _nextFree[place]) = (_nextFree[place], free);
            return free;
        }

        private void Grow(int length)
        {
            int old = _units.Length;
            if (length <= old)
                return;
            Array.Resize(ref _units, Math.Max(length, old * 2));
            Array.Resize(ref _nextFree, _units.Length);
            for (int i = old; i < _units.Length; i++)
            {
                _units[i] = new Unit { Parent = -1, Piece = -1 };
                _nextFree[i] = i + 1;
            }
        }
    }
}
