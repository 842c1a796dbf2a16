namespace Kosmos2.Engine.Generation;

/// <summary>
/// Finds which tokens would repeat a run of n tokens, in a time that does not grow with the history. Every position of the history
/// hangs in a hash chain under the n - 1 tokens before it, as in Lempel-Ziv matchers: the tokens at the positions of the chain of
/// the history's last n - 1 tokens are the ones that would repeat a run.
/// </summary>
internal sealed class NgramIndex
{
    private readonly int _context;
    private int[] _heads = new int[64];
    private int[] _earlier = new int[64];
    private int _count;

    /// <summary>Makes an empty index.</summary>
    /// <param name="size">n, at least 1.</param>
    public NgramIndex(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        _context = size - 1;
    }

    /// <summary>n.</summary>
    public int Size => _context + 1;

    /// <summary>Makes room for so many tokens, so that no call of <see cref="Extend"/> up to there allocates.</summary>
    public void Reserve(int tokens)
    {
        if (tokens > _earlier.Length)
            Array.Resize(ref _earlier, tokens);
        if (tokens <= _heads.Length)
            return;
        _heads = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)tokens)];
        _count = 0;
    }

    /// <summary>Takes in the tokens that were added since the last call.</summary>
    /// <param name="tokens">The whole history.</param>
    public void Extend(ReadOnlySpan<int> tokens)
    {
        if (tokens.Length > _earlier.Length)
            Array.Resize(ref _earlier, Math.Max(tokens.Length, _earlier.Length * 2));
        if (tokens.Length > _heads.Length)
        {
            _heads = new int[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)tokens.Length) * 2];
            _count = 0;
        }
        if (_count == 0)
            Array.Clear(_heads);
        for (; _count < tokens.Length; _count++)
        {
            if (_count < _context)
                continue;
            ref int head = ref _heads[Bucket(tokens.Slice(_count - _context, _context))];
            _earlier[_count] = head;
            head = _count + 1; // 0 ends a chain
        }
    }

    /// <summary>The tokens that would complete a run seen before, perhaps several times each.</summary>
    /// <param name="tokens">The whole history, as last given to <see cref="Extend"/>.</param>
    public Enumerator Followers(ReadOnlySpan<int> tokens) => new(this, tokens);

    /// <summary>Becomes a copy of another index of the same n.</summary>
    public void CopyFrom(NgramIndex other)
    {
        if (_heads.Length != other._heads.Length)
            _heads = new int[other._heads.Length];
        if (_earlier.Length < other._count)
            _earlier = new int[other._earlier.Length];
        other._heads.CopyTo(_heads, 0);
        other._earlier.AsSpan(0, other._count).CopyTo(_earlier);
        _count = other._count;
    }

    private int Bucket(ReadOnlySpan<int> context)
    {
        uint hash = 2166136261; // FNV-1a over whole tokens, then folded
        foreach (int token in context)
            hash = (hash ^ (uint)token) * 16777619;
        return (int)((hash ^ (hash >> 15)) & (uint)(_heads.Length - 1));
    }

    /// <summary>Walks a chain.</summary>
    public ref struct Enumerator
    {
        private readonly NgramIndex _index;
        private readonly ReadOnlySpan<int> _tokens;
        private readonly ReadOnlySpan<int> _suffix;
        private int _next;

        internal Enumerator(NgramIndex index, ReadOnlySpan<int> tokens)
        {
            _index = index;
            _tokens = tokens;
            if (tokens.Length < index._context || index._count != tokens.Length)
                return;
            _suffix = tokens[^index._context..];
            _next = index._heads[index.Bucket(_suffix)];
        }

        /// <summary>The token found.</summary>
        public int Current { get; private set; }

        /// <summary>Goes on to the next token that would repeat a run.</summary>
        public bool MoveNext()
        {
            while (_next != 0)
            {
                int position = _next - 1;
                _next = _index._earlier[position];
                if (_tokens.Slice(position - _suffix.Length, _suffix.Length).SequenceEqual(_suffix))
                {
                    Current = _tokens[position];
                    return true;
                }
            }
            return false;
        }

        /// <summary>Itself, for foreach.</summary>
        public readonly Enumerator GetEnumerator() => this;
    }
}
