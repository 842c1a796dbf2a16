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

    // From a lane's first input of a block to behind its last.
    private const int Reach = Block - Lanes + 1;

    // From one input of a thread that stages to its next.
    private const int Step = IlgpuDevices.GroupSize;

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
        int lane = thread & (Lanes - 1);
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
            if (options.HasNorm != 0)
                Stage(x, row + first, norm, first, mean, factor, inputs, count);
            else
                Stage(x, row + first, inputs, count);
            Group.Barrier();
            if (output < layer.Outputs)
                sum += Part(layer.Weight, output, options.Inputs, first, inputs, count, lane);
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

    /// <summary>Brings a piece of a row to its places. A thread has four loads under way at a time: each wait is one for memory.</summary>
    private static void Stage(ArrayView<float> x, int start, ArrayView<float> inputs, int count)
    {
        int i = Group.IdxX;
        for (; i + (3 * Step) < count; i += 4 * Step)
        {
            float a = x[start + i];
            float b = x[start + i + Step];
            float c = x[start + i + (2 * Step)];
            float d = x[start + i + (3 * Step)];
            inputs[Place(i)] = a;
            inputs[Place(i + Step)] = b;
            inputs[Place(i + (2 * Step))] = c;
            inputs[Place(i + (3 * Step))] = d;
        }
        for (; i < count; i += Step)
            inputs[Place(i)] = x[start + i];
    }

    /// <summary>The same, normalised.</summary>
    private static void Stage(
        ArrayView<float> x, int start, NormViews norm, int first, float mean, float factor, ArrayView<float> inputs, int count)
    {
        int i = Group.IdxX;
        for (; i + (3 * Step) < count; i += 4 * Step)
        {
            int at = first + i;
            float a = x[start + i];
            float b = x[start + i + Step];
            float c = x[start + i + (2 * Step)];
            float d = x[start + i + (3 * Step)];
            float weightA = norm.Weight[at];
            float weightB = norm.Weight[at + Step];
            float weightC = norm.Weight[at + (2 * Step)];
            float weightD = norm.Weight[at + (3 * Step)];
            float biasA = norm.Bias[at];
            float biasB = norm.Bias[at + Step];
            float biasC = norm.Bias[at + (2 * Step)];
            float biasD = norm.Bias[at + (3 * Step)];
            inputs[Place(i)] = ((a - mean) * factor * weightA) + biasA;
            inputs[Place(i + Step)] = ((b - mean) * factor * weightB) + biasB;
            inputs[Place(i + (2 * Step))] = ((c - mean) * factor * weightC) + biasC;
            inputs[Place(i + (3 * Step))] = ((d - mean) * factor * weightD) + biasD;
        }
        for (; i < count; i += Step)
            inputs[Place(i)] = ((x[start + i] - mean) * factor * norm.Weight[first + i]) + norm.Bias[first + i];
    }

    /// <summary>A lane's part of a piece's product; four loads of the weight are under way at a time.</summary>
    private static float Part<TWeight>(TWeight weight, int output, int width, int first, ArrayView<float> inputs, int count, int lane)
        where TWeight : struct, IWeightView
    {
        int start = (output * width) + first;
        float sum = 0;
        if ((width & (LaneInputs - 1)) == 0)
        {
            float second = 0;
            float third = 0;
            float fourth = 0;
            // Input i = lane * LaneInputs + k * Block lies at lane + k * Block.
            int i = lane * LaneInputs;
            int place = lane;
            for (; i + (3 * Block) < count; i += 4 * Block)
            {
                ArrayView<float> here = inputs.SubView(place, (3 * Block) + Reach);
                sum += weight.Dot8(start + i, 0, output, here);
                second += weight.Dot8(start + i, Block, output, here.SubView(Block, Reach));
                third += weight.Dot8(start + i, 2 * Block, output, here.SubView(2 * Block, Reach));
                fourth += weight.Dot8(start + i, 3 * Block, output, here.SubView(3 * Block, Reach));
                place += 4 * Block;
            }
            for (; i < count; i += Block)
            {
                sum += weight.Dot8(start + i, 0, output, inputs.SubView(place, Reach));
                place += Block;
            }
            return sum + second + (third + fourth);
        }
        for (int begin = lane * LaneInputs; begin < count; begin += Block)
        {
            int end = Math.Min(begin + LaneInputs, count);
            for (int i = begin; i < end; i++)
                sum += weight.Read(start + i) * inputs[Place(i)];
        }
        return sum;
    }

    /// <summary>
    /// Where input i of a piece lies in shared memory: the j-th inputs of all lanes stand side by side, so that the threads of a warp read different banks.
    /// In bits, since remainders of signed numbers take tens of instructions.
    /// </summary>
    private static int Place(int i) => (i & ~(Block - 1)) | ((i & (LaneInputs - 1)) * Lanes) | ((i / LaneInputs) & (Lanes - 1));
}
