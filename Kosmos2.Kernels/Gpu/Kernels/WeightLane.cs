using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A thread among those that share the rows of a weight [outputs, width] in <see cref="FewRowKernels"/>: which outputs and which inputs are its own.</summary>
internal readonly struct WeightLane
{
    private readonly int _first;
    private readonly int _width;
    private readonly bool _isWide;

    /// <param name="places">Where inputs lie.</param>
    /// <param name="width">Inputs of a row.</param>
    /// <param name="isWide">Whether the weight can be read 128 bits at a time.</param>
    public WeightLane(InputPlaces places, int width, bool isWide)
    {
        Places = places;
        Slot = Group.IdxX >> places.LanesShift;
        _first = (Group.IdxX - (Slot << places.LanesShift)) << places.WordsShift;
        _width = width;
        _isWide = isWide;
    }

    public InputPlaces Places { get; }

    /// <summary>The output, among <see cref="Slots"/> that a group takes at a time, that this thread helps with.</summary>
    public int Slot { get; }

    /// <summary>Outputs that a group takes at a time.</summary>
    public int Slots => Group.DimX >> Places.LanesShift;

    /// <summary>Inputs of a batch, over all lanes.</summary>
    public int BatchInputs => WeightBatch.Blocks * Places.Block;

    /// <summary>This lane's first element in a row from an input on, which a block begins with.</summary>
    public int Index(int output, int from) => (output * _width) + from + _first;

    /// <summary>Number of this lane's sum for one of the outputs whose sums are kept at a time: an output's lie together.</summary>
    public int SumOf(int output) => (output << Places.LanesShift) + (_first >> Places.WordsShift);

    /// <summary>Whether a whole batch begins at an input, of so many.</summary>
    public bool HasBatch(int from, int count) => _isWide && from + BatchInputs <= count;

    /// <summary>The first batch of an output's inputs from one on, if there are both such an output and a whole batch; else anything.</summary>
    public WeightBatch Ahead<TWeight>(TWeight weight, int output, int end, int from)
        where TWeight : struct, IWeightView =>
        output < end && HasBatch(from, _width) ? WeightBatch.Load(weight, Index(output, from), Places.Block) : default;

    /// <summary>This lane's inputs in shared memory, from a block on.</summary>
    public ArrayView<float> Inputs(ArrayView<float> inputs, int from) => inputs.SubView(from + (_first >> Places.WordsShift << 2));

    /// <summary>This lane's part of the product of an output with the inputs behind the last whole batch.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="index"><see cref="Index"/> of the first input in shared memory.</param>
    /// <param name="output">The output.</param>
    /// <param name="inputs">In shared memory.</param>
    /// <param name="from">Behind the last whole batch.</param>
    /// <param name="count">Of inputs in shared memory.</param>
    public float Rest<TWeight>(TWeight weight, int index, int output, ArrayView<float> inputs, int from, int count)
        where TWeight : struct, IWeightView
    {
        float sum = 0;
        for (; from + _first < count; from += Places.Block)
        {
            if (_isWide)
            {
                sum += weight.Dot(weight.Load(index + from, 0), index + from, output, Places.InputsOf(Inputs(inputs, from), 0));
            }
            else
            {
                int end = Math.Min(Places.InputsPerLane, count - from - _first);
                for (int i = 0; i < end; i++)
                    sum += weight.Read(index + from + i) * inputs[Places.Of(from + _first + i)];
            }
        }
        return sum;
    }
}
