using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>
/// Attention to cached keys over random operands, by the text and by the oracle, whose cache and table are the text's too. Queries, keys and values are rounded as the
/// text rounds them.
/// </summary>
internal sealed class CachedAttentionCase : IDisposable
{
    private const int Heads = 2;

    private readonly ReferenceBackend _reference = new();
    private readonly Workbench _bench;
    private readonly KeyValueBlocks _cache;
    private readonly StepTable _step;
    private readonly int _headSize;
    private readonly float[] _q;

    /// <param name="format">Of the cache: F32 or BF16.</param>
    /// <param name="headSize">Elements of a head.</param>
    /// <param name="sequences">Of the step.</param>
    public CachedAttentionCase(CacheFormat format, int headSize, params SequenceRows[] sequences)
    {
        (_bench, _headSize) = (new Workbench(_reference), headSize);
        _cache = _bench.Cache(1, Heads, headSize, sequences.Max(s => s.Blocks.Max()) + 1, format);
        int width = Heads * headSize;
        int all = _bench.Begin(Steps.Of([.. sequences.Select(s => s with { Rows = s.Keys })])).RowCount;
        Tensor Operand(int seed) => _bench.Floats(Array.ConvertAll(Samples.Normal(seed, all, width), Rounded), all, width);
        _reference.AppendKeyValues(Operand(2), Operand(3), _cache, 0);
        _step = _bench.Begin(Steps.Of(sequences));
        float log2 = Scale * 1.44269504f;
        _q = Array.ConvertAll(Samples.Normal(1, _step.RowCount, width), x => Rounded(x * log2) / log2);
    }

    private DType Type => _cache.Format == CacheFormat.Float32 ? DType.F32 : DType.BF16;

    private float Scale => 1 / MathF.Sqrt(_headSize);

    /// <summary>Runs a text; y begins as NaN, so that what is never written shows.</summary>
    public float[] Run(string text, out IReadOnlyDictionary<string, int> conflicts)
    {
        var memory = new PtxGlobalMemory();
        CachedAttentionOperands at = Place(memory);
        var machine = new PtxMachine(PtxProgram.Parse(text), memory, AttentionTile.SharedBytes);
        int tiles = Enumerable.Range(0, _step.SequenceCount).Max(s => _step.RowStarts[s + 1] - _step.RowStarts[s] + AttentionTile.Queries - 1) / AttentionTile.Queries;
        machine.Launch(
            new LaunchGrid(tiles, Heads, _step.SequenceCount),
            at.Q, at.Y, at.Keys, at.Values, at.Bias, at.RowStarts, at.KeyCounts, at.BlockStarts, at.Blocks, Heads, BitConverter.SingleToUInt32Bits(Scale));
        conflicts = machine.Conflicts;
        return memory.Read<float>(at.Y);
    }

    /// <summary>Puts it into a stream.</summary>
    public float[] Run(TensorCoreAttention device, PtxGlobalMemory memory, nint stream)
    {
        CachedAttentionOperands at = Place(memory);
        device.Attend(stream, at, Type, TensorCoreAttention.MostRows(_step), _step.SequenceCount, Heads, _headSize, Scale);
        return memory.Read<float>(at.Y);
    }

    /// <summary>The text for it.</summary>
    public string Text() => CachedAttentionText.Write(Type, _headSize, PtxTarget.Ampere);

    public float[] Expected()
    {
        Tensor y = _bench.Result(_step.RowCount, Heads * _headSize);
        _reference.CachedAttention(_bench.Floats(_q, _step.RowCount, Heads * _headSize), _cache, 0, Scale, y);
        return _bench.Read(y);
    }

    public void Dispose()
    {
        _bench.Dispose();
        _reference.Dispose();
    }

    private CachedAttentionOperands Place(PtxGlobalMemory memory)
    {
        ulong Bytes(Tensor tensor)
        {
            var bytes = new byte[tensor.ByteLength];
            _reference.Download<byte>(tensor, bytes);
            return memory.Add(bytes);
        }
        return new CachedAttentionOperands(
            memory.Add(_q),
            memory.Add(Enumerable.Repeat(float.NaN, _q.Length).ToArray()),
            Bytes(_cache.Keys(0)),
            Bytes(_cache.Values(0)),
            Bytes(_cache.KeyBias),
            memory.Add(_step.RowStarts.ToArray()),
            memory.Add(_step.KeyCounts.ToArray()),
            memory.Add(_step.BlockStarts.ToArray()),
            memory.Add(_step.Blocks.ToArray()));
    }

    private static float Rounded(float value) => BFloat16.FromBits(BFloat16.ToBits(value));
}
