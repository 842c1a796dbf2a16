using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>A <see cref="DirectKernel"/>'s products: each worker takes a run of panels of outputs, eight at a time.</summary>
internal readonly unsafe struct DirectJob<S, TFormat, TDirect>(
    LinearOperands* layers, int layerCount, PackedRows packed, int rows, float* scratch, nint scratchStride) : IJob, IPanelWork
    where S : unmanaged, ISimd<S>
    where TFormat : unmanaged, IProductFormat
    where TDirect : unmanaged, IDirectFormat
{
    private const int Outputs = DirectKernel.Outputs;

    public void Run(int worker, int workers) =>
        LayerPanels<S>.Run(this, layers, layerCount, worker, workers, scratch + (worker * scratchStride));

    public void RunPanels(LinearOperands* layer, int first, int end, float* strip)
    {
        for (int panel = first; panel < end; panel++)
            RunPanel(layer, panel, strip);
    }

    private void RunPanel(LinearOperands* layer, int panel, float* strip)
    {
        int width = Panel<S>.Width;
        int column = panel * width;
        TFormat.Begin(layer, column, packed, rows, strip);
        for (int output = 0; output < Math.Min(width, layer->Outputs - column); output += Outputs)
        {
            float* sums = strip + output;
            switch (rows)
            {
                case 1:
                    TDirect.Add<Rows1>(layer, column + output, packed, sums, width);
                    break;
                case 2:
                    TDirect.Add<Rows2>(layer, column + output, packed, sums, width);
                    break;
                case 3:
                    TDirect.Add<Rows3>(layer, column + output, packed, sums, width);
                    break;
                default:
                    TDirect.Add<Rows4>(layer, column + output, packed, sums, width);
                    break;
            }
        }
        TFormat.Finish(layer, column, packed, rows, strip);
        Epilogue.Write<S>(layer, strip, 0, rows, column);
    }
}
