using ILGPU;
using ILGPU.Algorithms;

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

    // Of a row in shared memory at a time: 32 KB, a whole row of the model's widest layer.
    private const int Piece = 8192;

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
        if (options.HasNorm != 0 && options.Inputs > Piece)
        {
            mean = RowKernels.Mean(shared, x, row, options.Inputs);
            factor = RowKernels.Factor(shared, x, row, options.Inputs, mean, norm.Epsilon);
        }
        float sum = 0;
        for (int first = 0; first < options.Inputs; first += Piece)
        {
            int count = Math.Min(Piece, options.Inputs - first);
            float part = Stage(x, row + first, inputs, count);
            if (options.HasNorm != 0 && options.Inputs <= Piece)
            {
                mean = GroupReduction.Sum(shared, part) / count;
                factor = 1 / XMath.Sqrt((GroupReduction.Sum(shared, Deviation(inputs, count, mean)) / count) + norm.Epsilon);
            }
            if (options.HasNorm != 0)
                Normalise(inputs, count, mean, factor, norm, first);
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

    /// <summary>
    /// Brings a piece of a row into shared memory, four inputs at a time, so that a thread waits for four and not for each. Every thread reads only what it
    /// wrote itself until the next barrier.
    /// </summary>
    /// <returns>The sum of this thread's inputs, in order.</returns>
    private static float Stage(ArrayView<float> x, int start, ArrayView<float> inputs, int count)
    {
        float sum = 0;
        int i = Group.IdxX;
        for (; i + (3 * IlgpuDevices.GroupSize) < count; i += 4 * IlgpuDevices.GroupSize)
        {
            float a = x[start + i];
            float b = x[start + i + IlgpuDevices.GroupSize];
            float c = x[start + i + (2 * IlgpuDevices.GroupSize)];
            float d = x[start + i + (3 * IlgpuDevices.GroupSize)];
            inputs[Place(i)] = a;
            inputs[Place(i + IlgpuDevices.GroupSize)] = b;
            inputs[Place(i + (2 * IlgpuDevices.GroupSize))] = c;
            inputs[Place(i + (3 * IlgpuDevices.GroupSize))] = d;
            sum += a;
            sum += b;
            sum += c;
            sum += d;
        }
        for (; i < count; i += IlgpuDevices.GroupSize)
        {
            float value = x[start + i];
            inputs[Place(i)] = value;
            sum += value;
        }
        return sum;
    }

    /// <summary>This thread's part of the squared distances from the mean.</summary>
    private static float Deviation(ArrayView<float> inputs, int count, float mean)
    {
        float sum = 0;
        for (int i = Group.IdxX; i < count; i += IlgpuDevices.GroupSize)
        {
            float difference = inputs[Place(i)] - mean;
            sum += difference * difference;
        }
        return sum;
    }

    private static void Normalise(ArrayView<float> inputs, int count, float mean, float factor, NormViews norm, int first)
    {
        int i = Group.IdxX;
        for (; i + (3 * IlgpuDevices.GroupSize) < count; i += 4 * IlgpuDevices.GroupSize)
        {
            int at = first + i;
            float a = norm.Weight[at];
            float b = norm.Weight[at + IlgpuDevices.GroupSize];
            float c = norm.Weight[at + (2 * IlgpuDevices.GroupSize)];
            float d = norm.Weight[at + (3 * IlgpuDevices.GroupSize)];
            float e = norm.Bias[at];
            float f = norm.Bias[at + IlgpuDevices.GroupSize];
            float g = norm.Bias[at + (2 * IlgpuDevices.GroupSize)];
            float h = norm.Bias[at + (3 * IlgpuDevices.GroupSize)];
            Normalise(inputs, Place(i), mean, factor, a, e);
            Normalise(inputs, Place(i + IlgpuDevices.GroupSize), mean, factor, b, f);
            Normalise(inputs, Place(i + (2 * IlgpuDevices.GroupSize)), mean, factor, c, g);
            Normalise(inputs, Place(i + (3 * IlgpuDevices.GroupSize)), mean, factor, d, h);
        }
        for (; i < count; i += IlgpuDevices.GroupSize)
            Normalise(inputs, Place(i), mean, factor, norm.Weight[first + i], norm.Bias[first + i]);
    }

    private static void Normalise(ArrayView<float> inputs, int place, float mean, float factor, float weight, float bias) =>
        inputs[place] = ((inputs[place] - mean) * factor * weight) + bias;

    /// <summary>A lane's part of a piece's product, four loads of the weight under way at once.</summary>
    private static float Part<TWeight>(TWeight weight, int start, ArrayView<float> inputs, int count, int lane, bool whole)
        where TWeight : struct, IWeightView
    {
        float sum = 0;
        if (whole)
        {
            float second = 0;
            float third = 0;
            float fourth = 0;
            int i = lane * LaneInputs;
            int place = lane;
            for (; i + (3 * Block) < count; i += 4 * Block)
            {
                sum += weight.Dot8(start + i, inputs, place);
                second += weight.Dot8(start + i + Block, inputs, place + Block);
                third += weight.Dot8(start + i + (2 * Block), inputs, place + (2 * Block));
                fourth += weight.Dot8(start + i + (3 * Block), inputs, place + (3 * Block));
                place += 4 * Block;
            }
            for (; i < count; i += Block)
            {
                sum += weight.Dot8(start + i, inputs, place);
                place += Block;
            }
            return sum + second + (third + fourth);
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
