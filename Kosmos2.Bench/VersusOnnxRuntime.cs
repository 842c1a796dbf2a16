using System.Diagnostics;
using Kosmos2.Bench.Peers;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// Our F32 products against ONNX Runtime's in one process, taking turns, on one and two threads. Each turn begins with a pause, in which the other side's
/// waiting threads go to sleep, and a run that is not counted. The best run of each side counts: everything else the machine does only adds time.
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
        output.WriteLine("rows x outputs x inputs  threads   ours GFLOP/s   GB/s   ONNX Runtime GFLOP/s   GB/s   ratio");
        foreach (MatMulShape shape in shapes)
        {
            foreach (int threads in (int[])[1, 2])
            {
                (double ours, double theirs) = Measure(shape, threads, turns);
                double ratio = theirs / ours;
                output.WriteLine(
                    $"{shape,-23}  {threads,7}   {shape.Operations / ours / 1e9,12:F1}   {shape.WeightBytes / ours / 1e9,4:F1}   "
                    + $"{shape.Operations / theirs / 1e9,20:F1}   {shape.WeightBytes / theirs / 1e9,4:F1}   {ratio,5:F2}");
                reached &= ratio >= Bar || !MatMulShape.Bar.Contains(shape);
            }
        }
        return reached;
    }

    // Seconds of the best run of each side.
    private static (double Ours, double Theirs) Measure(MatMulShape shape, int threads, int turns)
    {
        float[] x = Samples.Uniform(1, shape.Rows * shape.Inputs);
        float[] weight = Samples.Uniform(2, shape.Outputs * shape.Inputs);
        using var ours = new OurMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, new CpuOptions { Threads = threads });
        using var theirs = new OnnxMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, threads);
        double bestOurs = double.PositiveInfinity;
        double bestTheirs = double.PositiveInfinity;
        for (int turn = 0; turn < turns; turn++)
        {
            bestOurs = Math.Min(bestOurs, Turn(ours.Run));
            bestTheirs = Math.Min(bestTheirs, Turn(theirs.Run));
        }
        Agree(shape, ours.Output, theirs.Output);
        return (bestOurs, bestTheirs);
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
