using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Sizes and options of one linear layer.</summary>
internal readonly record struct LinearOptions(int Rows, int Inputs, int Outputs, int Activation, int HasBias, int HasResidual);

/// <summary>
/// y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o], with x [rows, in], W [out, in], y [rows, out].
/// This kernel and that of <see cref="TiledLinearKernels"/> add the products of an output in the order of i, each in one thread, so that a row's bits do not
/// depend on its batch.
/// </summary>
internal static class LinearKernels
{
    /// <summary>Outputs of one row that a group of <see cref="IlgpuDevices.GroupSize"/> threads computes.</summary>
    public const int RowOutputs = 64;

    private const int RowInputs = 64;

    // Rows of a weight tile lie this much further apart than they are long, so that threads of a warp read different banks.
    private const int Padding = 1;

    /// <summary>Group (o, r): <see cref="RowOutputs"/> outputs of row r. All threads fetch W, the first <see cref="RowOutputs"/> add.</summary>
    public static void Row<TWeight>(
        ArrayView<float> x, TWeight weight, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        ArrayView<float> inputs = SharedMemory.Allocate<float>(RowInputs);
        ArrayView<float> weights = SharedMemory.Allocate<float>(RowOutputs * (RowInputs + Padding));
        int thread = Group.IdxX;
        int row = Grid.IdxY;
        int first = Grid.IdxX * RowOutputs;
        float sum = 0;
        for (int start = 0; start < options.Inputs; start += RowInputs)
        {
            if (thread < RowInputs)
            {
                float input = 0;
                if (start + thread < options.Inputs)
                    input = x[(row * options.Inputs) + start + thread];
                inputs[thread] = input;
            }
            for (int element = thread; element < RowOutputs * RowInputs; element += IlgpuDevices.GroupSize)
            {
                int o = element / RowInputs;
                int i = element % RowInputs;
                float w = 0;
                if (first + o < options.Outputs && start + i < options.Inputs)
                    w = weight.Read(((first + o) * options.Inputs) + start + i);
                weights[(o * (RowInputs + Padding)) + i] = w;
            }
            Group.Barrier();

            if (thread < RowOutputs)
            {
                for (int k = 0; k < RowInputs; k++)
                    sum += inputs[k] * weights[(thread * (RowInputs + Padding)) + k];
            }
            Group.Barrier();
        }
        if (thread < RowOutputs && first + thread < options.Outputs)
            Store(sum, row, first + thread, bias, residual, y, options);
    }

    internal static void Store(
        float sum, int row, int output, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, LinearOptions options)
    {
        if (options.HasBias != 0)
            sum += bias[output];
        sum = DeviceActivation.Apply(options.Activation, sum);
        int index = (row * options.Outputs) + output;
        if (options.HasResidual != 0)
            sum += residual[index];
        y[index] = sum;
    }
}
