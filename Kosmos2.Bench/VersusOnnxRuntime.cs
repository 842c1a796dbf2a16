using Kosmos2.Bench.Peers;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// Our products, over weights of each form, against ONNX Runtime's in F32, and those of INT8 against its MatMulInteger too, in one process, taking turns, on one and two threads.
/// </summary>
internal static class VersusOnnxRuntime
{
    /// <summary>What our speed over mapped F32 weights must be at least, as a part of ONNX Runtime's, at the shapes of <see cref="MatMulShape.Bar"/>.</summary>
    public const double Bar = 0.9;

    private static readonly WeightForm[] Forms = Enum.GetValues<WeightForm>();

    /// <summary>Prints the table.</summary>
    /// <returns>Whether the bar was reached everywhere.</returns>
    public static bool Run(TextWriter output, MatMulShape[] shapes, int turns)
    {
        bool reached = true;
        output.WriteLine("G: 10^9 multiplications and additions a second; GB/s: of the weight; x: speed as a multiple of ONNX Runtime's in F32");
        output.WriteLine($"rows x outputs x inputs  threads  ONNX Runtime      {string.Join("", Forms.Select(form => $"  {form,-22}"))}  MatMulInteger, Int8 over it");
        foreach (MatMulShape shape in shapes)
        {
            foreach (int threads in (int[])[1, 2])
            {
                (double theirs, double integers, double[] ours) = Measure(shape, threads, turns);
                output.Write($"{shape,-23}  {threads,7}  {shape.Operations / theirs / 1e9,5:F0} G {shape.WeightBytes / theirs / 1e9,4:F1} GB/s");
                for (int i = 0; i < Forms.Length; i++)
                    output.Write($"  {shape.Operations / ours[i] / 1e9,5:F0} G {OurMatMul.WeightBytes(shape, Forms[i]) / ours[i] / 1e9,4:F1} GB/s {theirs / ours[i],4:F2}x");
                output.WriteLine($"  {shape.Operations / integers / 1e9,5:F0} G {integers / ours[(int)WeightForm.Int8],4:F2}x");
                reached &= theirs / ours[(int)WeightForm.Mapped] >= Bar || !MatMulShape.Bar.Contains(shape);
            }
        }
        return reached;
    }

    // Seconds of the best run of each side.
    private static (double Theirs, double Integers, double[] Ours) Measure(MatMulShape shape, int threads, int turns)
    {
        float[] x = Samples.Uniform(1, shape.Rows * shape.Inputs);
        float[] weight = Samples.Uniform(2, shape.Outputs * shape.Inputs);
        using var theirs = new OnnxMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, threads);
        using var integers = new OnnxMatMulInteger(shape.Rows, shape.Outputs, shape.Inputs, threads);
        OurMatMul[] ours = [.. Forms.Select(form => new OurMatMul(x, weight, shape, form, new CpuOptions { Threads = threads }))];
        try
        {
            Action[] sides = [theirs.Run, integers.Run, .. ours.Select(side => (Action)side.Run)];
            double[] best = Turns.Best(turns, sides);
            for (int i = 0; i < Forms.Length; i++)
                Agreement.Check($"{shape}, {Forms[i]}", "ONNX Runtime", ours[i].Output, theirs.Output, OurMatMul.Allowed(Forms[i]));
            integers.Check();
            return (best[0], best[1], best[2..]);
        }
        finally
        {
            Array.ForEach(ours, side => side.Dispose());
        }
    }
}
