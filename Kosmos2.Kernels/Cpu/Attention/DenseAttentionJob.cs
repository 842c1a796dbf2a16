using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>
/// Attention over keys that all queries of a batch entry see; an item is a head's next queries, and workers take the next item as they get free. A head's queries are divided
/// no further than it takes to have some items for each worker.
/// </summary>
internal unsafe struct DenseAttentionJob<S> : IJob
    where S : unmanaged, ISimd<S>
{
    public float* Q;
    public float* K;
    public float* V;
    public float* Y;

    /// <summary>[batch, heads, queries, keys], or null.</summary>
    public float* Probabilities;

    public int Batch;
    public int Heads;
    public int HeadSize;

    /// <summary>Queries of an entry.</summary>
    public int Queries;

    /// <summary>Keys of an entry.</summary>
    public int Keys;

    /// <summary>Whether all entries have the same queries.</summary>
    public bool SharedQueries;

    public float Scale;
    public TileTable Tiles;
    public float* Scratch;
    public nint ScratchStride;

    private const int ItemsOfWorker = 4;

    private int _taken;

    public void Run(int worker, int workers)
    {
        var scratch = new AttentionScratch<S>(Scratch + (worker * ScratchStride), HeadSize);
        int pieces = Math.Max(
            Pieces(AttentionScratch<S>.MostQueries), (int)Math.Min(Pieces(AttentionScratch<S>.PieceQueries), ItemsOfWorker * (long)workers / ((long)Batch * Heads)));
        var parts = new RowPanels(Queries, (Queries + pieces - 1) / pieces);
        long items = (long)Batch * Heads * parts.Count;
        for (long i = Interlocked.Increment(ref _taken) - 1; i < items; i = Interlocked.Increment(ref _taken) - 1)
        {
            int part = (int)(i % parts.Count);
            int head = (int)(i / parts.Count % Heads);
            RunItem((int)(i / parts.Count / Heads), head, parts.Start(part), parts.Start(part + 1), scratch);
        }
    }

    private readonly int Pieces(int queries) => (Queries + queries - 1) / queries;

    private readonly void RunItem(int entry, int head, int query, int end, AttentionScratch<S> scratch)
    {
        nint width = (nint)Heads * HeadSize;
        nint column = (nint)head * HeadSize;
        nint row = ((nint)entry * Queries) + query;
        nint key = (nint)entry * Keys * width;
        var item = new AttentionItem
        {
            Queries = Q + ((SharedQueries ? query : row) * width) + column,
            Outputs = Y + (row * width) + column,
            Stride = width,
            Count = end - query,
            Visible = Keys,
            Probabilities = Probabilities == null ? null : Probabilities + (((((nint)entry * Heads) + head) * Queries + query) * Keys),
            ProbabilityWidth = Keys,
        };
        var source = new DenseKeys<S>(K + key + column, V + key + column, width, HeadSize);
        new AttentionTask<S, DenseKeys<S>, F32Rows<S>>(item, source, HeadSize, Scale, Tiles, scratch).Run();
    }
}
