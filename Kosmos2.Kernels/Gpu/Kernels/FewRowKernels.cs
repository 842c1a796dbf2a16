using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A layer normalisation of the input, if <see cref="LinearOptions.HasNorm"/>.</summary>
internal readonly record struct NormViews(ArrayView<float> Weight, ArrayView<float> Bias, float Epsilon);

/// <summary>
/// y[r, o] = activation(norm(x)[r] . W[o] + b[o]) + residual[r, o] for few rows, where the time goes into reading W. There are as many groups as the device holds
/// at once, each with neighbouring outputs, so that a row is brought and normalised once a group, which costs less than a launch. Up to 32 threads share an output
/// (<see cref="InputPlaces.LanesShift"/>), 128 bits of W each at a time, and ask for their next eight while they multiply these: also for those of the output
/// after. Their sums meet in shared memory, for some outputs at a time, in an order that depends on the number of inputs alone.
/// </summary>
internal static class FewRowKernels
{
    /// <summary>Most threads of a group, a power of two.</summary>
    public const int MostThreads = 512;

    // Inputs in shared memory at a time: 16 KB.
    private const int Piece = 4096;

    // Outputs of a thread whose sums are in shared memory at a time.
    private const int Rounds = 4;

    private const int SumPlaces = Rounds * MostThreads * 33 / 32;

    /// <summary>Group (g, r): row r, outputs from g * <see cref="LinearOptions.GroupOutputs"/> on. y may be the residual.</summary>
    public static void Row<TWeight>(ArrayView<float> x, NormViews norm, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView => Multiply(x, norm, layer, residual, options);

    /// <summary>Group (g, r, l): the same for layer l of three layers over the same input.</summary>
    public static void ThreeLayers<TWeight>(
        ArrayView<float> x, NormViews norm, LayerViews<TWeight> first, LayerViews<TWeight> second, LayerViews<TWeight> third, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        LayerViews<TWeight> layer = LayerViews<TWeight>.OfGroup(first, second, third);
        Multiply(x, norm, layer, layer.Y, options);
    }

    private static void Multiply<TWeight>(ArrayView<float> x, NormViews norm, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        ArrayView<float> inputs = SharedMemory.Allocate<float>(Piece);
        ArrayView<float> sums = SharedMemory.Allocate<float>(SumPlaces);
        TWeight weight = layer.Weight;
        var lane = new WeightLane(new InputPlaces(weight.WordsShift), options.Inputs, weight.HasWholeWords(options.Inputs));
        int begin = Grid.IdxX * options.GroupOutputs;
        int end = Math.Min(begin + options.GroupOutputs, layer.Outputs);
        bool isWhole = options.Inputs <= Piece;

        // Under way while the row comes.
        WeightBatch next = lane.Ahead(weight, begin + lane.Slot, end, 0);
        var row = new InputRow(x, Grid.IdxY * options.Inputs, options.Inputs, norm, options.HasNorm != 0, sums);
        var staged = new StagedInputs(inputs, lane.Places);
        row.Store(Math.Min(Piece, options.Inputs), staged, 0);
        for (int first = begin; first < end; first += Rounds * lane.Slots)
        {
            int last = Math.Min(first + (Rounds * lane.Slots), end);
            for (int from = 0; from < options.Inputs; from += Piece)
            {
                int count = Math.Min(Piece, options.Inputs - from);
                if (!isWhole)
                    next = lane.Ahead(weight, first + lane.Slot, last, from);
                if (from > 0 || (!isWhole && first > begin))
                    row.StoreFrom(from, count, staged, 0);
                Group.Barrier();
                for (int output = first + lane.Slot; output < last; output += lane.Slots)
                {
                    int place = Place(lane.SumOf(output - first));
                    float sum = 0;
                    if (from > 0)
                        sum = sums[place];
                    int index = lane.Index(output, from);
                    int within = 0;
                    for (; lane.HasBatch(within, count); within += lane.BatchInputs)
                    {
                        WeightBatch here = next;
                        next = lane.HasBatch(within + lane.BatchInputs, count)
                            ? WeightBatch.Load(weight, index + within + lane.BatchInputs, lane.Places.Block)
                            : lane.Ahead(weight, output + lane.Slots, isWhole ? end : last, from);
                        sum += here.Dot(weight, index + within, output, lane.Inputs(inputs, within), lane.Places);
                    }
                    sums[place] = sum + lane.Rest(weight, index, output, inputs, within, count);
                }
                Group.Barrier();
            }
            for (int output = first + Group.IdxX; output < last; output += Group.DimX)
                Finish(sums, output - first, lane.Places.LanesShift, output, layer, residual, options);
            Group.Barrier();
        }
    }

    private static void Finish<TWeight>(
        ArrayView<float> sums, int index, int lanesShift, int output, LayerViews<TWeight> layer, ArrayView<float> residual, LinearOptions options)
        where TWeight : struct, IWeightView
    {
        Quad sum = default;
        int start = index << lanesShift;
        for (int i = 0; i < 1 << lanesShift; i += 4)
            sum = sum.Plus(1, new Quad(sums[Place(start + i)], sums[Place(start + i + 1)], sums[Place(start + i + 2)], sums[Place(start + i + 3)]));
        layer.Store(sum.Sum, Grid.IdxY, output, residual, options);
    }

    /// <summary>Where a lane's sum is: one place is left out after 32, so that threads that add up one output each meet all banks.</summary>
    private static int Place(int i) => i + (i >> 5);
}
