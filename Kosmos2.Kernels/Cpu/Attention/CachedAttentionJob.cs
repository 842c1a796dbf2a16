using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// Causal attention of a step's rows to their own sequences' cached keys; items as in <see cref="DenseAttentionJob{S}"/>, all sequences of a head before the next head: sequences that
/// begin alike share blocks, of which a head's part then stays in the first-level cache.
/// </summary>
internal unsafe struct CachedAttentionJob<S, TFormat> : IJob
    where S : unmanaged, ISimd<S>
    where TFormat : ICachedFormat
{
    public float* Q;
    public float* Y;

    /// <summary>For each sequence in turn [heads, rows, keys], or null.</summary>
    public float* Probabilities;

    /// <summary>[blocks, heads] parts, each as the format lays it out.</summary>
    public byte* Keys;
    public byte* Values;

    /// <summary>[blocks, BlockSize].</summary>
    public float* Bias;

    public int Sequences;
    public int* RowStarts;
    public int* KeyCounts;
    public int* BlockStarts;
    public int* Blocks;

    public int Heads;
    public int HeadSize;
    public float Scale;
    public TileTable Tiles;
    public float* Scratch;
    public nint ScratchStride;

    private int _taken;

    public void Run(int worker, int workers)
    {
        var scratch = new AttentionScratch<S>(Scratch + (worker * ScratchStride), HeadSize);
        long start = 0;
        long item = Interlocked.Increment(ref _taken) - 1;
        for (int head = 0; head < Heads; head++)
        {
            float* probabilities = Probabilities;
            for (int sequence = 0; sequence < Sequences; sequence++)
            {
                int rows = RowStarts[sequence + 1] - RowStarts[sequence];
                int pieces = (rows + AttentionScratch<S>.PieceQueries - 1) / AttentionScratch<S>.PieceQueries;
                for (; item < start + pieces; item = Interlocked.Increment(ref _taken) - 1)
                    RunItem(sequence, head, (int)(item - start) * AttentionScratch<S>.PieceQueries, probabilities, scratch);
                start += pieces;
                if (probabilities != null)
                    probabilities += (nint)Heads * rows * KeyCounts[sequence];
            }
        }
    }

    private readonly void RunItem(int sequence, int head, int query, float* probabilities, AttentionScratch<S> scratch)
    {
        nint width = (nint)Heads * HeadSize;
        int rows = RowStarts[sequence + 1] - RowStarts[sequence];
        int keys = KeyCounts[sequence];
        nint offset = ((nint)(RowStarts[sequence] + query) * width) + ((nint)head * HeadSize);
        var item = new AttentionItem
        {
            Queries = Q + offset,
            Outputs = Y + offset,
            Stride = width,
            Count = Math.Min(AttentionScratch<S>.PieceQueries, rows - query),
            Visible = keys - rows + query + 1,
            VisibleStep = 1,
            Probabilities = probabilities == null ? null : probabilities + ((((nint)head * rows) + query) * keys),
            ProbabilityWidth = keys,
        };
        nint headBytes = TFormat.HeadBytes(HeadSize);
        nint inBlock = head * headBytes;
        nint blockBytes = Heads * headBytes;
        byte* next = sequence + 1 < Sequences ? FirstBlock(sequence + 1, blockBytes) + inBlock : FirstBlock(0, blockBytes) + inBlock + headBytes;
        var source = new CachedKeys<S, TFormat>(Keys + inBlock, Values + inBlock, Bias, Blocks + BlockStarts[sequence], blockBytes, HeadSize, next);
        new AttentionTask<S, CachedKeys<S, TFormat>, CachedRows<S, TFormat>>(item, source, HeadSize, Scale, Tiles, scratch).Run();
        for (int i = 0; i < item.Count; i++)
        {
            if (scratch.Largest[i] > KeyValueBlocks.HiddenBias)
                continue;
            float* row = item.Probabilities == null ? null : item.Probabilities + ((nint)i * keys);
            EvenAttention<S, TFormat>.Run(source, item.VisibleTo(i), keys, HeadSize, item.Outputs + (i * item.Stride), row);
        }
    }

    private readonly byte* FirstBlock(int sequence, nint blockBytes) => Keys + (Blocks[BlockStarts[sequence]] * blockBytes);
}
