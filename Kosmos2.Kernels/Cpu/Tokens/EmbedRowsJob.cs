using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>y[r] = (given[GivenRows[r]] or embeddings[TokenIds[r]]) * scale + positions[Positions[r]].</summary>
internal unsafe struct EmbedRowsJob<S> : IJob
    where S : unmanaged, ISimd<S>
{
    /// <summary>[vocabulary, Width].</summary>
    public void* Embeddings;
    public DType EmbeddingType;

    /// <summary>[n, Width], or null when no row asks for one.</summary>
    public float* Given;

    /// <summary>[positions, Width].</summary>
    public float* Positions;

    /// <summary>[Rows, Width].</summary>
    public float* Y;

    public float Scale;
    public int Rows;
    public int Width;
    public int* TokenIds;
    public int* GivenRows;
    public int* PositionRows;

    public readonly void Run(int worker, int workers)
    {
        int end = (int)((long)Rows * (worker + 1) / workers);
        for (int row = (int)((long)Rows * worker / workers); row < end; row++)
        {
            if (GivenRows[row] >= 0)
                Embed(row, GivenRows[row], new F32Rows<S>(Given, Width));
            else if (EmbeddingType == DType.F16)
                Embed(row, TokenIds[row], new HalfRows<S, F16Format>((ushort*)Embeddings, Width));
            else if (EmbeddingType == DType.BF16)
                Embed(row, TokenIds[row], new HalfRows<S, BF16Format>((ushort*)Embeddings, Width));
            else
                Embed(row, TokenIds[row], new F32Rows<S>((float*)Embeddings, Width));
        }
    }

    private readonly void Embed<TSource>(int row, int sourceRow, TSource source)
        where TSource : unmanaged, IRowSource<S>
    {
        S scale = S.Broadcast(Scale);
        float* position = Positions + ((nint)PositionRows[row] * Width);
        float* y = Y + ((nint)row * Width);
        int i = 0;
        for (; i <= Width - S.Width; i += S.Width)
            S.MultiplyAdd(source.Load(sourceRow, i), scale, S.Load(position + i)).Store(y + i);
        int rest = Width - i;
        if (rest > 0)
            S.MultiplyAdd(source.LoadPartial(sourceRow, i, rest), scale, S.LoadPartial(position + i, rest)).StorePartial(y + i, rest);
    }
}
