using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Where inputs lie in shared memory, so that lanes that each read the inputs of 128 bits of a weight, four at a time, meet all banks: of a block, in which every
/// lane has its neighbouring inputs, first all lanes' first four, then their second four, and so on. In bits, since remainders of signed numbers take tens of
/// instructions.
/// </summary>
/// <param name="WordsShift">Binary logarithm of a lane's inputs, <see cref="IWeightView.WordsShift"/>.</param>
internal readonly record struct InputPlaces(int WordsShift)
{
    /// <summary>Binary logarithm of the threads that share an output: those of a warp or fewer, since a row of small integers has few loads for each.</summary>
    public int LanesShift => WordsShift <= 3 ? 5 : 8 - WordsShift;

    /// <summary>Inputs of a lane.</summary>
    public int InputsPerLane => 1 << WordsShift;

    /// <summary>Inputs of a block, one load of each lane.</summary>
    public int Block => InputsPerLane << LanesShift;

    /// <summary>From a lane's four inputs to its next four.</summary>
    public int Step => 4 << LanesShift;

    /// <summary>A lane's inputs of a load.</summary>
    /// <param name="inputs">In shared memory, from some of the lane's inputs on.</param>
    /// <param name="ahead">A constant distance from there.</param>
    public LaneInputs InputsOf(ArrayView<float> inputs, int ahead) => new(inputs.SubView(ahead, (InputsPerLane * Step / 4) - Step + 4), Step);

    /// <summary>The place of an input.</summary>
    public int Of(int input)
    {
        int lane = (input >> WordsShift) & ((1 << LanesShift) - 1);
        int four = (input & (InputsPerLane - 1)) >> 2;
        return (input & -Block) | (four * Step) | (lane * 4) | (input & 3);
    }
}

/// <summary>A lane's inputs in shared memory, in fours that lie <paramref name="step"/> from each other, a constant that 4 divides.</summary>
internal readonly struct LaneInputs(ArrayView<float> inputs, int step)
{
    private readonly ArrayView<float> _inputs = inputs;
    private readonly int _step = step;

    /// <summary>Products with one four.</summary>
    public float Dot(int four, Quad weights) => weights.Dot(Quad.LoadWide(_inputs, four * _step));

    /// <summary>Products with a four and the next.</summary>
    public float Dot(int four, Quad weights, Quad next) => Dot(four, weights) + Dot(four + 1, next);
}

/// <summary>Inputs in shared memory, each at its place.</summary>
internal readonly struct StagedInputs(ArrayView<float> elements, InputPlaces places) : IResultRows
{
    private readonly ArrayView<float> _elements = elements;
    private readonly InputPlaces _places = places;

    public void Store(int index, float value) => _elements[_places.Of(index)] = value;
}
