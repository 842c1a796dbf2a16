using Kosmos2.Bench.Peers;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// Our products, over weights of each form, against ONNX Runtime's in F32, and those of INT8 against its MatMulInteger too, in one process, taking turns, on one and two threads. ONNX Runtime counts with the fastest of its settings.
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
        output.WriteLine($"rows x outputs x inputs  threads  ONNX Runtime      {string.Join("", Forms.Select(form => $"  {form,-22}"))}  MatMulInteger, Int8 over it  settings of both");
        foreach (MatMulShape shape in shapes)
        {
            foreach (int threads in (int[])[1, 2])
            {
                ((OnnxSetting setting, double theirs), (OnnxSetting integerSetting, double integers), double[] ours) = Measure(shape, threads, turns);
                output.Write($"{shape,-23}  {threads,7}  {shape.Operations / theirs / 1e9,5:F0} G {shape.WeightBytes / theirs / 1e9,4:F1} GB/s");
                for (int i = 0; i < Forms.Length; i++)
                    output.Write($"  {shape.Operations / ours[i] / 1e9,5:F0} G {OurMatMul.WeightBytes(shape, Forms[i]) / ours[i] / 1e9,4:F1} GB/s {theirs / ours[i],4:F2}x");
                output.WriteLine($"  {shape.Operations / integers / 1e9,5:F0} G {integers / ours[(int)WeightForm.Int8],4:F2}x  {setting.Name}, {integerSetting.Name}");
                reached &= theirs / ours[(int)WeightForm.Mapped] >= Bar || !MatMulShape.Bar.Contains(shape);
            }
        }
        return reached;
    }

    // Seconds of the best run of each side.
    private static ((OnnxSetting, double) Theirs, (OnnxSetting, double) Integers, double[] Ours) Measure(MatMulShape shape, int threads, int turns)
    {
        float[] x = Samples.Uniform(1, shape.Rows * shape.Inputs);
        float[] weight = Samples.Uniform(2, shape.Outputs * shape.Inputs);
        OnnxSetting[] settings = OnnxSetting.All;
        OnnxMatMul[] theirs = [.. settings.Select(setting => new OnnxMatMul(x, shape.Rows, weight, shape.Outputs, shape.Inputs, threads, setting))];
        OnnxMatMulInteger[] integers = [.. settings.Select(setting => new OnnxMatMulInteger(shape.Rows, shape.Outputs, shape.Inputs, threads, setting))];
        OurMatMul[] ours = [.. Forms.Select(form => new OurMatMul(x, weight, shape, form, new CpuOptions { Threads = threads }))];
        try
        {
            double[] best = Turns.Best(turns, [.. theirs.Select(side => (Action)side.Run), .. integers.Select(side => (Action)side.Run), .. ours.Select(side => (Action)side.Run)]);
            for (int i = 0; i < Forms.Length; i++)
                Agreement.Check($"{shape}, {Forms[i]}", "ONNX Runtime", ours[i].Output, theirs[0].Output, OurMatMul.Allowed(Forms[i]));
            Array.ForEach(integers, side => side.Check());
            int count = settings.Length;
            return (Fastest(best[..count]), Fastest(best[count..(2 * count)]), best[(2 * count)..]);
        }
        finally
        {
            foreach (IDisposable side in (IDisposable[])[.. theirs, .. integers, .. ours])
                side.Dispose();
        }

        (OnnxSetting, double) Fastest(double[] seconds) => settings.Zip(seconds).MinBy(pair => pair.Second);
    }
}
