using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>A sequence whose keys are all in the cache.</summary>
/// <param name="Keys">How many; its numbers follow from that.</param>
/// <param name="Rows">Its rows in a step: the last of its keys.</param>
/// <param name="Visible">Whether the key at a position may be attended; null: all may.</param>
internal sealed record SequenceKeys(int Keys, int Rows, Func<int, bool>? Visible = null)
{
    /// <summary>A key that is no number, or -1.</summary>
    public int BadKey { get; init; } = -1;
}

/// <summary>A layer of a cache that holds the keys of some sequences; as many as it is to hold are there at once, without a step for each.</summary>
internal sealed class CachedSequences
{
    private const int Heads = 2;

    private readonly Workbench _bench;
    private readonly KeyValueBlocks _cache;
    private readonly SequenceKeys[] _sequences;
    private readonly int[][] _blocks;
    private readonly int _width;

    public CachedSequences(Workbench bench, int headSize, CacheFormat format, params SequenceKeys[] sequences)
    {
        _bench = bench;
        _sequences = sequences;
        _width = Heads * headSize;
        // Sequences have their blocks from the cache's end on.
        int free = sequences.Sum(sequence => BlocksOf(sequence.Keys));
        _cache = bench.Cache(1, Heads, headSize, free, format);
        _blocks = [.. sequences.Select(sequence => Enumerable.Range(0, BlocksOf(sequence.Keys)).Select(_ => --free).ToArray())];
        int rows = bench.Begin(Steps.Of([.. sequences.Select((sequence, s) => new SequenceRows(_blocks[s], sequence.Keys, sequence.Keys, sequence.Visible))])).RowCount;
        bench.Backend.AppendKeyValues(
            bench.Floats([.. sequences.SelectMany(Keys)], rows, _width),
            bench.Floats([.. sequences.SelectMany(sequence => Samples.Normal(sequence.Keys + 1, sequence.Keys, _width))], rows, _width),
            _cache,
            0);
        bench.Backend.EndStep();
    }

    /// <summary>One step of all rows; of no more than so many keys each, where that is said.</summary>
    public float[] Attend(int mostKeys = int.MaxValue)
    {
        SequenceRows[] step = [.. _sequences.Select((sequence, s) => new SequenceRows(_blocks[s], Math.Min(mostKeys, sequence.Keys), sequence.Rows, sequence.Visible))];
        int rows = _bench.Begin(Steps.Of(step)).RowCount;
        Tensor y = _bench.Result(rows, _width);
        float[] q = [.. step.SelectMany(sequence => Samples.Normal(sequence.Keys + 2, sequence.Rows, _width))];
        _bench.Backend.CachedAttention(_bench.Floats(q, rows, _width), _cache, 0, 0.25f, y);
        _bench.Backend.EndStep();
        return _bench.Read(y);
    }

    private static int BlocksOf(int keys) => (keys + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize;

    private float[] Keys(SequenceKeys sequence)
    {
        float[] keys = Samples.Normal(sequence.Keys, sequence.Keys, _width);
        if (sequence.BadKey >= 0)
            keys.AsSpan(sequence.BadKey * _width, _width).Fill(float.NaN);
        return keys;
    }
}
