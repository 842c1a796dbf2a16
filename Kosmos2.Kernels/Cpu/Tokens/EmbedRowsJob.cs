using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>y[r] = (given[GivenRows[r]] or embeddings[TokenIds[r]]) * scale + positions[Positions[r]].</summary>
internal unsafe struct EmbedRowsJob<S> : IJob
    where S : unmanaged, ISimd<S>
{
    /// <summary>[vocabulary, Width].</summary>
    public WeightOperands Embeddings;

    /// <summary>Their panels, where rows are read out of those; without any otherwise.</summary>
    public LinearOperands Packed;

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
            else if (Packed.Panels != null)
                EmbedPacked(row);
            else
                Embeddings.Read<S, TokenEmbedder>(new TokenEmbedder(this, row));
        }
    }

    private readonly void EmbedPacked(int row)
    {
        PanelRow.Read<S>(Packed, TokenIds[row], Y + ((nint)row * Width));
        Embed(row, row, new F32Rows<S>(Y, Width));
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

    /// <summary>Embeds one row's token from whatever type the embeddings have.</summary>
    private readonly struct TokenEmbedder(EmbedRowsJob<S> job, int row) : IWeightReader<S>
    {
        public void Read<TSource>(TSource embeddings)
            where TSource : unmanaged, IRowSource<S> => job.Embed(row, job.TokenIds[row], embeddings);
    }
}
