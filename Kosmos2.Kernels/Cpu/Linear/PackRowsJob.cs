using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Packs the input rows of a product for all workers, through the layer normalisation if there is one. Packed: for each block of
/// <see cref="MultiplyJob{S}.BlockDepth"/> elements, for each panel of rows, [depth][rows of the panel].
/// </summary>
internal readonly unsafe struct PackRowsJob<S>(float* x, int inputs, NormOperands? norm, RowPanels panels, float* packed) : IJob
    where S : unmanaged, ISimd<S>
{
    public void Run(int worker, int workers)
    {
        int end = (int)((long)panels.Count * (worker + 1) / workers);
        for (int panel = (int)((long)panels.Count * worker / workers); panel < end; panel++)
        {
            if (norm is { } operands)
                PackNormalized(panel, operands);
            else
                Pack(panel, new F32Rows<S>(x, inputs));
        }
    }

    private void PackNormalized(int panel, NormOperands operands)
    {
        RowMoments* moments = stackalloc RowMoments[TileTable.MostRows];
        int first = panels.Start(panel);
        for (int row = first; row < panels.Start(panel + 1); row++)
            moments[row - first] = Normalization.Moments<S>(x + ((nint)row * inputs), inputs, operands.Epsilon);
        Pack(panel, new NormalizedRows<S>(x, inputs, operands, moments, first));
    }

    private void Pack<TSource>(int panel, TSource source)
        where TSource : unmanaged, IRowSource<S>
    {
        int first = panels.Start(panel);
        int rows = panels.Start(panel + 1) - first;
        for (int k = 0; k < inputs; k += MultiplyJob<S>.BlockDepth)
        {
            int depth = Math.Min(MultiplyJob<S>.BlockDepth, inputs - k);
            float* destination = packed + ((nint)k * panels.Rows) + ((nint)first * depth);
            Packing.Pack<S, TSource>(source, first, rows, k, depth, destination, rows, rows);
        }
    }
}
