using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>Packs the input rows of a product for all workers, through the layer normalisation if there is one, panel by panel.</summary>
internal readonly unsafe struct PackRowsJob<TFormat>(PackedRows rows, RowPanels panels, float* scratch, nint scratchStride) : IJob
    where TFormat : unmanaged, IProductFormat
{
    public void Run(int worker, int workers)
    {
        int end = (int)((long)panels.Count * (worker + 1) / workers);
        for (int panel = (int)((long)panels.Count * worker / workers); panel < end; panel++)
            TFormat.PackRows(rows, panels, panel, scratch + (worker * scratchStride));
    }
}
