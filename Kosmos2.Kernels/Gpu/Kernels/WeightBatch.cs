using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Eight loads of a lane, one in each of eight blocks of inputs, which are under way together.</summary>
internal readonly record struct WeightBatch(Words A, Words B, Words C, Words D, Words E, Words F, Words G, Words H)
{
    /// <summary>Blocks of a batch.</summary>
    public const int Blocks = 8;

    /// <summary>The batch that begins with an element, a lane's first in a block.</summary>
    public static WeightBatch Load<TWeight>(TWeight weight, int index, int block)
        where TWeight : struct, IWeightView => new(
        weight.Load(index, 0),
        weight.Load(index, block),
        weight.Load(index, 2 * block),
        weight.Load(index, 3 * block),
        weight.Load(index, 4 * block),
        weight.Load(index, 5 * block),
        weight.Load(index, 6 * block),
        weight.Load(index, 7 * block));

    /// <summary>Sum of the products with inputs.</summary>
    /// <param name="weight">Whose elements they are.</param>
    /// <param name="index">Of the first of them.</param>
    /// <param name="row">Their row.</param>
    /// <param name="inputs">From the lane's first on.</param>
    /// <param name="places">Where inputs lie.</param>
    public float Dot<TWeight>(TWeight weight, int index, int row, ArrayView<float> inputs, InputPlaces places)
        where TWeight : struct, IWeightView
    {
        int block = places.Block;
        float low = One(weight, A, index, row, inputs, places, 0) + One(weight, B, index, row, inputs, places, block)
            + (One(weight, C, index, row, inputs, places, 2 * block) + One(weight, D, index, row, inputs, places, 3 * block));
        float high = One(weight, E, index, row, inputs, places, 4 * block) + One(weight, F, index, row, inputs, places, 5 * block)
            + (One(weight, G, index, row, inputs, places, 6 * block) + One(weight, H, index, row, inputs, places, 7 * block));
        return low + high;
    }

    private static float One<TWeight>(TWeight weight, Words words, int index, int row, ArrayView<float> inputs, InputPlaces places, int ahead)
        where TWeight : struct, IWeightView =>
        weight.Dot(words, index + ahead, row, places.InputsOf(inputs, ahead));
}
