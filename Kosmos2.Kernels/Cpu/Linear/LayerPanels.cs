using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>What is done with each panel of outputs of some layers.</summary>
internal unsafe interface IPanelWork
{
    /// <param name="layer">The layer.</param>
    /// <param name="panel">Which of its panels.</param>
    /// <param name="scratch">The worker's memory.</param>
    void RunPanel(LinearOperands* layer, int panel, float* scratch);
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
            for (int panel = Math.Max(first - start, 0); panel < Math.Min(end - start, here); panel++)
                work.RunPanel(layers + i, panel, scratch);
            start += here;
        }
    }

    private static int PanelsOf(LinearOperands* layer) => (layer->Outputs + Panel<S>.Width - 1) / Panel<S>.Width;
}
