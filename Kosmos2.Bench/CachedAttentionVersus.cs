using System.Diagnostics;
using System.Globalization;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// A decode step's attention at long contexts over each format of the cache, all taking turns: 64 sequences of 2,000 keys, 8 of the model's 32 heads of 64.
/// Every sequence's keys and values are read from memory once, so the most that a format can gain is what it is smaller.
/// </summary>
internal sealed class CachedAttentionVersus : IDisposable
{
    private const int Heads = 8;
    private const int HeadSize = 64;
    private const int Width = Heads * HeadSize;

    private readonly CpuBackend _backend;
    private readonly int _sequences;
    private readonly int _keys;
    private readonly Dictionary<CacheFormat, KeyValueBlocks> _caches = [];
    private readonly StepTable _step = new();
    private readonly Tensor _q;
    private readonly Tensor _y;

    public CachedAttentionVersus(int threads, int sequences, int keys)
    {
        _backend = new CpuBackend(new CpuOptions { Threads = threads });
        (_sequences, _keys) = (sequences, keys);
        foreach (CacheFormat format in Enum.GetValues<CacheFormat>())
            _caches.Add(format, new KeyValueBlocks(_backend, 1, Heads, HeadSize, sequences * BlocksOf(keys), format));
        using (Tensor k = Filled(1, keys), v = Filled(2, keys))
        {
            for (int s = 0; s < sequences; s++)
            {
                FillTable(s, 1, keys);
                _backend.BeginStep(_step);
                foreach (KeyValueBlocks cache in _caches.Values)
                    _backend.AppendKeyValues(k, v, cache, 0);
            }
        }
        _q = Filled(3, sequences);
        _y = Tensor.OnHost(DType.F32, sequences, Width);
        FillTable(0, sequences, 1);
        _backend.BeginStep(_step);
    }

    /// <summary>Times all formats and writes a line for each.</summary>
    public static void Run(TextWriter output, int sequences, int keys, int turns)
    {
        foreach (int threads in (int[])[1, 2])
        {
            using var versus = new CachedAttentionVersus(threads, sequences, keys);
            Dictionary<CacheFormat, double> best = versus.Time(turns);
            foreach ((CacheFormat format, double seconds) in best)
            {
                double bytes = (double)versus._caches[format].BytesPerSlot * sequences * keys;
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{sequences} x {keys} keys, {threads} threads, {format,-8} {1e3 * seconds,8:F2} ms  {bytes / 1e9,5:F3} GB  {bytes / seconds / 1e9,5:F1} GB/s  {best[CacheFormat.Float32] / seconds:F2} x F32"));
            }
        }
    }

    public void Dispose()
    {
        foreach (KeyValueBlocks cache in _caches.Values)
            cache.Dispose();
        _q.Dispose();
        _y.Dispose();
        _step.Dispose();
        _backend.Dispose();
    }

    private Dictionary<CacheFormat, double> Time(int turns)
    {
        var best = new Dictionary<CacheFormat, double>();
        for (int turn = 0; turn <= turns; turn++)
        {
            foreach ((CacheFormat format, KeyValueBlocks cache) in _caches)
            {
                long start = Stopwatch.GetTimestamp();
                _backend.CachedAttention(_q, cache, 0, 0.125f, _y);
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (turn > 0)
                    best[format] = Math.Min(best.GetValueOrDefault(format, double.MaxValue), seconds);
            }
        }
        return best;
    }

    private static int BlocksOf(int keys) => (keys + KeyValueBlocks.BlockSize - 1) / KeyValueBlocks.BlockSize;

    // The last rows of each of some sequences, whose blocks lie one after another.
    private void FillTable(int first, int sequences, int rows)
    {
        int blocks = BlocksOf(_keys);
        _step.Reset(sequences * rows, sequences, sequences * blocks, 0, 0);
        for (int s = 0; s < sequences; s++)
        {
            for (int i = 0; i < blocks; i++)
                _step.Blocks[(s * blocks) + i] = ((first + s) * blocks) + i;
            for (int i = 0; i < rows; i++)
            {
                int row = (s * rows) + i, key = _keys - rows + i;
                (_step.TokenIds[row], _step.Positions[row], _step.GivenRows[row], _step.KeyVisible[row], _step.RowSequences[row]) = (0, key, -1, 1, s);
                _step.Slots[row] = ((first + s) * blocks * KeyValueBlocks.BlockSize) + key;
            }
            (_step.RowStarts[s + 1], _step.KeyCounts[s], _step.BlockStarts[s + 1]) = ((s + 1) * rows, _keys, (s + 1) * blocks);
        }
    }

    private static Tensor Filled(int seed, int rows)
    {
        Tensor tensor = Tensor.OnHost(DType.F32, rows, Width);
        Samples.Uniform(seed, rows * Width).CopyTo(tensor.AsSpan<float>());
        return tensor;
    }
}
