using System.Diagnostics;
using Kosmos2.Bench.Peers;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// Our F32 products, over mapped and over packed weights, against ONNX Runtime's in one process, taking turns, on one and two threads. Each turn begins with
/// a pause, in which the other sides' waiting threads go to sleep, and a run that is not counted. The best run of each side counts: everything else the
/// machine does only adds time.
/// </summary>
internal static class VersusOnnxRuntime
{
    /// <summary>What our speed must be at least, as a part of ONNX Runtime's, at the shapes of <see cref="MatMulShape.Bar"/>.</summary>
    public const double Bar = 0.9;

    /// <summary>Prints the table.</summary>
    /// <returns>Whether the bar was reached everywhere.</returns>
    public static bool Run(TextWriter output, MatMulShape[] shapes, int turns)
    {
        bool reached = true;
        output.WriteLine("rows x outputs x inputs  threads   ONNX Runtime GFLOP/s   GB/s   mapped GFLOP/s   GB/s   ratio   packed GFLOP/s   GB/s   ratio");
        foreach (MatMulShape shape in shapes)
        {
            foreach (int threads in (int[])[1, 2])
            {
                (double theirs, double mapped, double packed) = Measure(shape, threads, turns);
                output.WriteLine(
                    $"{shape,-23}  {threads,7}   {shape.Operations / theirs / 1e9,20:F1}   {shape.WeightBytes / theirs / 1e9,4:F1}   "
                    + $"{shape.Operations / mapped / 1e9,14:F1}   {shape.WeightBytes / mapped / 1e9,4:F1}   {theirs / mapped,5:F2}   "
                    + $"{shape.Operations / packed / 1e9,14:F1}   {shape.WeightBytes / packed / 1e9,4:F1}   {theirs / packed,5:F2}");
                reached &= theirs / mapped >= Bar || !MatMulShape.Bar.Contains(shape);
            }
        }
        return reached;
    }

    // Seconds of the best run of each side.
    private static (double Theirs, double Mapped, double Packed) Measure(MatMulShape shape, int threads, int turns)
    {
        float[] x = Samples.Uniform(1, shape.Rows * shape.Inputs);
        float[] weight = Samples.Uniform(2, shape.Outputs * shape.Inputs);
        var options = new CpuOptions { Threads = threads };
        using var mapped = new OurMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, options);
        using var packed = new OurMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, options with { Weights = WeightResidency.Packed });
        using var theirs = new OnnxMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, threads);
        Action[] sides = [theirs.Run, mapped.Run, packed.Run];
        double[] best = [.. sides.Select(_ => double.PositiveInfinity)];
        for (int turn = 0; turn < turns; turn++)
        {
            for (int i = 0; i < sides.Length; i++)
                best[i] = Math.Min(best[i], Turn(sides[i]));
        }
        Agree(shape, mapped.Output, theirs.Output);
        Agree(shape, packed.Output, theirs.Output);
        return (best[0], best[1], best[2]);
    }

    private static double Turn(Action run)
    {
        Thread.Sleep(20);
        run();
        double best = double.PositiveInfinity;
        for (int i = 0; i < 4; i++)
        {
            long start = Stopwatch.GetTimestamp();
            run();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return best;
    }

    private static void Agree(MatMulShape shape, ReadOnlySpan<float> ours, ReadOnlySpan<float> theirs)
    {
        for (int i = 0; i < ours.Length; i++)
        {
            if (Math.Abs(ours[i] - theirs[i]) > 1e-3)
                throw new InvalidOperationException($"{shape}: element {i} is {ours[i]}, ONNX Runtime has {theirs[i]}");
        }
    }
}
