using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A layer normalisation of the input, if <see cref="LinearOptions.HasNorm"/>.</summary>
internal readonly record struct NormViews(ArrayView<float> Weight, ArrayView<float> Bias, float Epsilon);

/// <summary>A layer's weight, its bias if <see cref="HasBias"/>, where its result goes, and its number of outputs.</summary>
internal readonly struct LayerViews<TWeight>(TWeight weight, ArrayView<float> bias, ArrayView<float> y, int outputs, int hasBias)
    where TWeight : struct, IWeightView
{
    public readonly TWeight Weight = weight;
    public readonly ArrayView<float> Bias = bias;
    public readonly ArrayView<float> Y = y;
    public readonly int Outputs = outputs;
    public readonly int HasBias = hasBias;
}

/// <summary>
/// y[r, o] = activation(norm(x)[r] . W[o] + b[o]) + residual[r, o] for few rows, where the time goes into reading W. <see cref="Lanes"/> threads share an
/// output: each takes 8 inputs of every 256, and their sums are added as a tree, so that the order depends on the number of inputs alone. Every group
/// normalises its row anew, which costs less than a launch.
/// </summary>
internal static class FewRowKernels
{
    /// <summary>Threads that share an output.</summary>
    public const int Lanes = 32;

    /// <summary>Outputs of a group.</summary>
    public const int Outputs = IlgpuDevices.GroupSize / Lanes;

    // Of a row in shared memory at a time: 8 KB.
    private const int Piece = 2048;

    /// <summary>Neighbouring inputs that a lane takes together.</summary>
    public const int LaneInputs = 8;

    private const int Block = Lanes * LaneInputs;

    /// <summary>Group (o, r): <see cref="Outputs"/> outputs of row r. y may be the residual.</summary>
    public static void Row<TWeight>(ArrayView<float> x, NormViews norm, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView => Multiply(x, norm, layer, residual, options);

    /// <summary>Group (o, r, l): <see cref="Outputs"/> outputs of row r of layer l, of three layers over the same input.</summary>
    public static void ThreeLayers<TWeight>(
        ArrayView<float> x, NormViews norm, LayerViews<TWeight> first, LayerViews<TWeight> second, LayerViews<TWeight> third, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        LayerViews<TWeight> layer = first;
        if (Grid.IdxZ == 1)
            layer = second;
        if (Grid.IdxZ == 2)
            layer = third;
        Multiply(x, norm, layer, layer.Y, options);
    }

    private static void Multiply<TWeight>(ArrayView<float> x, NormViews norm, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        ArrayView<float> inputs = SharedMemory.Allocate<float>(Piece);
        ArrayView<float> shared = SharedMemory.Allocate<float>(IlgpuDevices.GroupSize);
        int thread = Group.IdxX;
        int lane = thread % Lanes;
        int row = Grid.IdxY * options.Inputs;
        int output = (Grid.IdxX * Outputs) + (thread / Lanes);
        float mean = 0;
        float factor = 1;
        if (options.HasNorm != 0)
        {
            mean = RowKernels.Mean(shared, x, row, options.Inputs);
            factor = RowKernels.Factor(shared, x, row, options.Inputs, mean, norm.Epsilon);
        }
        float sum = 0;
        for (int first = 0; first < options.Inputs; first += Piece)
        {
            int count = Math.Min(Piece, options.Inputs - first);
            for (int i = thread; i < count; i += IlgpuDevices.GroupSize)
            {
                float value = x[row + first + i];
                if (options.HasNorm != 0)
                    value = ((value - mean) * factor * norm.Weight[first + i]) + norm.Bias[first + i];
                inputs[Place(i)] = value;
            }
            Group.Barrier();
            if (output < layer.Outputs)
                sum += Part(layer.Weight, (output * options.Inputs) + first, inputs, count, lane, options.Inputs % LaneInputs == 0);
            Group.Barrier();
        }

        shared[thread] = sum;
        Group.Barrier();
        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            if (lane < half)
                shared[thread] += shared[thread + half];
            Group.Barrier();
        }
        if (lane == 0 && output < layer.Outputs)
        {
            sum = shared[thread];
            if (layer.HasBias != 0)
                sum += layer.Bias[output];
            sum = DeviceActivation.Apply(options.Activation, sum);
            int index = (Grid.IdxY * layer.Outputs) + output;
            if (options.HasResidual != 0)
                sum += residual[index];
            layer.Y[index] = sum;
        }
    }

    /// <summary>A lane's part of a piece's product.</summary>
    private static float Part<TWeight>(TWeight weight, int start, ArrayView<float> inputs, int count, int lane, bool whole)
        where TWeight : struct, IWeightView
    {
        float sum = 0;
        if (whole)
        {
            for (int i = lane * LaneInputs; i < count; i += Block)
                sum += weight.Dot8(start + i, inputs, Place(i));
            return sum;
        }
        for (int first = lane * LaneInputs; first < count; first += Block)
        {
            int end = Math.Min(first + LaneInputs, count);
            for (int i = first; i < end; i++)
                sum += weight.Read(start + i) * inputs[Place(i)];
        }
        return sum;
    }

    /// <summary>
    /// Where input i of a piece lies in shared memory: the j-th inputs of all lanes stand side by side, so that the threads of a warp read different banks.
    /// </summary>
    private static int Place(int i) => (i / Block * Block) + (i % LaneInputs * Lanes) + (i / LaneInputs % Lanes);
}
