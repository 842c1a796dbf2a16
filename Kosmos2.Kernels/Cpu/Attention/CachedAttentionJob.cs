using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// Causal attention of a step's rows to their own sequences' cached keys; items as in <see cref="DenseAttentionJob{S}"/>, all sequences of a head before the next head: sequences that
/// begin alike share blocks, of which a head's part then stays in the first-level cache. Workers take runs of items, so that it is known what they read next.
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

    // Enough that workers end at about the same time; few, since workers wait for each other when they take one.
    private const int RunsOfWorker = 8;

    private int _taken;

    public void Run(int worker, int workers)
    {
        var scratch = new AttentionScratch<S>(Scratch + (worker * ScratchStride), HeadSize);
        int run = Math.Max(1, Heads * Pieces() / (RunsOfWorker * workers));
        long start = 0;
        long item = 0, end = 0;
        for (int head = 0; head < Heads; head++)
        {
            float* probabilities = Probabilities;
            for (int sequence = 0; sequence < Sequences; sequence++)
            {
                int rows = RowStarts[sequence + 1] - RowStarts[sequence];
                int pieces = PiecesOf(sequence);
                for (; ; item++)
                {
                    if (item == end)
                    {
                        item = Interlocked.Add(ref _taken, run) - run;
                        end = item + run;
                    }
                    if (item >= start + pieces)
                        break;
                    RunItem(sequence, head, (int)(item - start) * AttentionScratch<S>.PieceQueries, probabilities, scratch);
                }
                start += pieces;
                if (probabilities != null)
                    probabilities += (nint)Heads * rows * KeyCounts[sequence];
            }
        }
    }

    // Items of a head.
    private readonly int Pieces()
    {
        int pieces = 0;
        for (int sequence = 0; sequence < Sequences; sequence++)
            pieces += PiecesOf(sequence);
        return pieces;
    }

    private readonly int PiecesOf(int sequence) =>
        (RowStarts[sequence + 1] - RowStarts[sequence] + AttentionScratch<S>.PieceQueries - 1) / AttentionScratch<S>.PieceQueries;

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
        CachedKeys<S, TFormat> source = KeysOf(sequence, head);
        if (item.Count == 1)
            new SingleQueryTask<S, TFormat>(item, source, After(sequence, head), HeadSize, Scale, scratch).Run();
        else
            new AttentionTask<S, CachedKeys<S, TFormat>, CachedRows<S, TFormat>>(item, source, HeadSize, Scale, Tiles, scratch).Run();
        for (int i = 0; i < item.Count; i++)
        {
            // Not a number either, which stays one.
            if (!(scratch.Largest[i] <= KeyValueBlocks.HiddenBias))
                continue;
            float* row = item.Probabilities == null ? null : item.Probabilities + ((nint)i * keys);
            EvenAttention<S, TFormat>.Run(source, item.VisibleTo(i), keys, HeadSize, item.Outputs + (i * item.Stride), row);
        }
    }

    private readonly CachedKeys<S, TFormat> KeysOf(int sequence, int head)
    {
        nint headBytes = CachedHead<TFormat>.Bytes(HeadSize);
        return new(Keys + (head * headBytes), Values + (head * headBytes), Bias, Blocks + BlockStarts[sequence], Heads * headBytes, HeadSize);
    }

    // The blocks of the item behind: the next sequence's, or the next head's of the first one.
    private readonly CachedBlocks<S, TFormat> After(int sequence, int head)
    {
        int next = (sequence + 1) % Sequences;
        int nextHead = next > 0 ? head : head + 1;
        return nextHead == Heads ? default : new(KeysOf(next, nextHead), 0, BlockStarts[next + 1] - BlockStarts[next]);
    }
}
