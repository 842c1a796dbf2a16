using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>What rules tell of the tokens that were chosen. Launched only where a step's table asks.</summary>
internal static class ReadingKernels
{
    /// <summary>
    /// A group of 64 to <see cref="RowKernels.MostThreads"/> threads for each output, which reads its row twice: for the largest logit, and for the sum of
    /// exponentials. All groups pass all barriers; where nothing is asked their loops are empty.
    /// </summary>
    public static void Read(ArrayView<float> logits, ChoiceViews views, TokenGrid grid, ArrayView<int> results, int vocabulary)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(RowKernels.MostThreads);
        int output = Grid.IdxX;
        int thread = Group.IdxX;
        int step = Group.DimX;
        int turn = Octet.Count * step;
        int start = output * vocabulary;
        TokenRule rule = views.RuleOf(output);
        int told = Grid.DimX + rule.Place;

        int cells = rule.Reading == TokenReading.Grid ? grid.Cells : 0;
        for (int cell = thread; cell < cells; cell += step)
            results[told + cell] = (int)Interop.FloatAsInt(logits[start + grid.First + cell]);

        int width = rule.Reading == TokenReading.Probability ? vocabulary : 0;
        float largest = float.NegativeInfinity;
        for (int t = thread; t < width; t += turn)
            largest = XMath.Max(largest, Octet.Load(logits, start, t, step, width).Max());
        largest = GroupReduction.Max(shared, largest);
        float sum = 0;
        for (int t = thread; t < width; t += turn)
            sum += Octet.Load(logits, start, t, step, width).Exponential(largest).Sum(t, step, width);
        sum = GroupReduction.Sum(shared, sum);
        if (thread == 0 && width > 0)
        {
            int token = results[output];
            float probability = token < 0 ? float.NaN : XMath.Exp(logits[start + Math.Max(token, 0)] - largest) / sum;
            results[told] = (int)Interop.FloatAsInt(probability);
        }
    }
}
