using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// The linear layer for many rows, on any device: y[r, o] = activation(sum over i of x[r, i] W[o, i] + b[o]) + residual[r, o]. The products of an output are
/// added in the order of i, in one thread.
/// </summary>
internal static class TiledLinearKernels
{
    /// <summary>Side of the square of outputs that a group of <see cref="IlgpuDevices.GroupSize"/> threads computes, 4 x 4 each.</summary>
    public const int Tile = 64;

    private const int Quads = 4;

    // Inputs that pass through shared memory at a time.
    private const int Depth = 16;

    // From one input to the next in shared memory: 4 more than needed, so that the writers of a warp spread over the banks.
    private const int Pitch = Tile + 4;

    /// <summary>Group (o, r): while one tile of x and W, each transposed to [input][row], is multiplied, the next is on its way to registers.</summary>
    public static void Tiled<TWeight>(ArrayView<float> x, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView => Multiply(x, layer, residual, options);

    /// <summary>Group (o, r, l): the same for layer l of three layers over the same input.</summary>
    public static void ThreeTiled<TWeight>(
        ArrayView<float> x, LayerViews<TWeight> first, LayerViews<TWeight> second, LayerViews<TWeight> third, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        LayerViews<TWeight> layer = LayerViews<TWeight>.OfGroup(first, second, third);
        Multiply(x, layer, layer.Y, options);
    }

    private static void Multiply<TWeight>(ArrayView<float> x, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        TWeight weight = layer.Weight;
        ArrayView<float> inputs = SharedMemory.Allocate<float>(Depth * Pitch);
        ArrayView<float> weights = SharedMemory.Allocate<float>(Depth * Pitch);
        int firstRow = Grid.IdxY * Tile;
        int firstOutput = Grid.IdxX * Tile;
        // What this thread brings: four inputs of one row and of one output.
        int line = Group.IdxX / Quads;
        int piece = Group.IdxX % Quads * Quads;
        int place = (piece * Pitch) + line;
        // What it computes.
        int row = Group.IdxX / (Tile / Quads) * Quads;
        int output = Group.IdxX % (Tile / Quads) * Quads;
        bool busy = firstRow + row < options.Rows && firstOutput + output < layer.Outputs;
        bool fours = weight.HasWholeFours(options.Inputs);
        Quad sums0 = default, sums1 = default, sums2 = default, sums3 = default;
        Quad nextInputs = Inputs(x, firstRow + line, piece, fours, options);
        Quad nextWeights = Weights(layer, firstOutput + line, piece, fours, options);
        for (int start = 0; start < options.Inputs; start += Depth)
        {
            Store(inputs, place, nextInputs);
            Store(weights, place, nextWeights);
            Group.Barrier();

            nextInputs = Inputs(x, firstRow + line, start + Depth + piece, fours, options);
            nextWeights = Weights(layer, firstOutput + line, start + Depth + piece, fours, options);
            if (busy)
            {
                for (int k = 0; k < Depth; k++)
                {
                    Quad a = Quad.LoadWide(inputs, (k * Pitch) + row);
                    Quad b = Quad.LoadWide(weights, (k * Pitch) + output);
                    sums0 = sums0.Plus(a.A, b);
                    sums1 = sums1.Plus(a.B, b);
                    sums2 = sums2.Plus(a.C, b);
                    sums3 = sums3.Plus(a.D, b);
                }
            }
            Group.Barrier();
        }
        row += firstRow;
        output += firstOutput;
        Store(sums0, row, output, layer, residual, options);
        Store(sums1, row + 1, output, layer, residual, options);
        Store(sums2, row + 2, output, layer, residual, options);
        Store(sums3, row + 3, output, layer, residual, options);
    }

    // Where rows are whole fours, and nothing in a four differs from the rest of it, they are loaded at once.
    private static Quad Inputs(ArrayView<float> x, int row, int input, bool fours, LinearOptions options)
    {
        int left = options.Inputs - input;
        if (row >= options.Rows || left <= 0)
            return default;
        int index = (row * options.Inputs) + input;
        if (fours)
            return Quad.LoadWide(x, index);
        return new Quad(
            x[index], left > 1 ? x[index + 1] : 0, left > 2 ? x[index + 2] : 0, left > 3 ? x[index + 3] : 0);
    }

    private static Quad Weights<TWeight>(LayerViews<TWeight> layer, int output, int input, bool fours, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        int left = options.Inputs - input;
        if (output >= layer.Outputs || left <= 0)
            return default;
        TWeight weight = layer.Weight;
        int index = (output * options.Inputs) + input;
        if (fours)
            return weight.ReadFour(index, output);
        return new Quad(
            weight.Read(index),
            left > 1 ? weight.Read(index + 1) : 0,
            left > 2 ? weight.Read(index + 2) : 0,
            left > 3 ? weight.Read(index + 3) : 0);
    }

    private static void Store(ArrayView<float> transposed, int place, Quad values)
    {
        transposed[place] = values.A;
        transposed[place + Pitch] = values.B;
        transposed[place + (2 * Pitch)] = values.C;
        transposed[place + (3 * Pitch)] = values.D;
    }

    private static void Store<TWeight>(Quad sums, int row, int output, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        if (row >= options.Rows)
            return;
        Store(sums.A, row, output, layer, residual, options);
        Store(sums.B, row, output + 1, layer, residual, options);
        Store(sums.C, row, output + 2, layer, residual, options);
        Store(sums.D, row, output + 3, layer, residual, options);
    }

    private static void Store<TWeight>(float sum, int row, int output, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        if (output < layer.Outputs)
            layer.Store(sum, row, output, residual, options);
    }
}
