using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>What is done with the panels of outputs of some layers.</summary>
internal unsafe interface IPanelWork
{
    /// <param name="layer">The layer.</param>
    /// <param name="first">First panel of a run.</param>
    /// <param name="end">The one after its last.</param>
    /// <param name="scratch">The worker's memory.</param>
    void RunPanels(LinearOperands* layer, int first, int end, float* scratch);
}

/// <summary>The panels of one or more layers, one after another, in equal runs for the workers.</summary>
internal static unsafe class LayerPanels<S>
    where S : unmanaged, ISimd<S>
{
    /// <summary>A worker's run.</summary>
    public static void Run<TWork>(in TWork work, LinearOperands* layers, int layerCount, int worker, int workers, float* scratch)
        where TWork : unmanaged, IPanelWork
    {
        int count = 0;
        for (int i = 0; i < layerCount; i++)
            count += PanelsOf(layers + i);
        int first = (int)((long)count * worker / workers);
        int end = (int)((long)count * (worker + 1) / workers);
        int start = 0;
        for (int i = 0; i < layerCount; i++)
        {
            int here = PanelsOf(layers + i);
            work.RunPanels(layers + i, Math.Max(first - start, 0), Math.Min(end - start, here), scratch);
            start += here;
        }
    }

    private static int PanelsOf(LinearOperands* layer) => (layer->Outputs + Panel<S>.Width - 1) / Panel<S>.Width;
}
