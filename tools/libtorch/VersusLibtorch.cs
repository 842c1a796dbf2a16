using Kosmos2.Bench;
using Kosmos2.Kernels.Cpu;
using static TorchSharp.torch;

namespace Kosmos2.Libtorch;

/// <summary>Our products over F32 and BF16 weights against libtorch's in the same type, in one process, taking turns, on one and two threads.</summary>
internal static class VersusLibtorch
{
    /// <summary>A setting that takes this many times as long as the fastest, at first, takes no turns.</summary>
    private const double Hopeless = 3;

    private static readonly WeightForm[] Forms = [WeightForm.Mapped, WeightForm.Packed, WeightForm.BFloat16];

    /// <summary>Prints the table.</summary>
    /// <exception cref="InvalidOperationException">The two sides gave different results.</exception>
    public static void Run(TextWriter output, MatMulShape[] shapes, int turns)
    {
        using IDisposable inference = inference_mode();
        output.WriteLine("G: 10^9 multiplications and additions a second; x: speed as a multiple of libtorch's in F32, for BF16 in BF16 and in F32; best of linear and matmul");
        output.WriteLine($"rows x outputs x inputs  threads  F32, libtorch  {"mapped",-13}  {"packed",-13}  BF16, libtorch  ours");
        foreach (MatMulShape shape in shapes)
        {
            foreach (int threads in (int[])[1, 2])
            {
                set_num_threads(threads);
                (double[] ours, double[] theirs) = Measure(shape, threads, turns);
                string Speed(double seconds) => $"{shape.Operations / seconds / 1e9,5:F0} G";
                output.WriteLine(
                    $"{shape,-23}  {threads,7}  {Speed(theirs[0]),13}  {Speed(ours[0])} {theirs[0] / ours[0],4:F2}x  {Speed(ours[1])} {theirs[0] / ours[1],4:F2}x"
                    + $"  {Speed(theirs[1]),14}  {Speed(ours[2])} {theirs[1] / ours[2],5:F2}x {theirs[0] / ours[2],4:F2}x");
            }
        }
    }

    // Seconds: of each of our forms, and of libtorch's fastest setting in F32 and in BF16.
    private static (double[] Ours, double[] Theirs) Measure(MatMulShape shape, int threads, int turns)
    {
        float[] x = Samples.Uniform(1, shape.Rows * shape.Inputs);
        float[] weight = Samples.Uniform(2, shape.Outputs * shape.Inputs);
        OurMatMul[] ours = [.. Forms.Select(form => new OurMatMul(x, weight, shape, form, new CpuOptions { Threads = threads }))];
        TorchLinear[] floats = Settings(x, weight, shape, ScalarType.Float32), halves = Settings(x, weight, shape, ScalarType.BFloat16);
        try
        {
            TorchLinear[] theirs = [.. Promising(floats), .. Promising(halves)];
            for (int i = 0; i < Forms.Length; i++)
            {
                ours[i].Run();
                foreach (TorchLinear side in theirs.Where(side => halves.Contains(side) == (Forms[i] == WeightForm.BFloat16)))
                    Agreement.Check($"{shape}, {Forms[i]}", "libtorch", ours[i].Output, side.Output(), OurMatMul.Allowed(Forms[i]));
            }
            double[] best = Turns.Best(turns, [.. ours.Select(side => (Action)side.Run), .. theirs.Select(side => (Action)side.Run)]);
            double Fastest(TorchLinear[] settings) => theirs.Zip(best[Forms.Length..]).Where(side => settings.Contains(side.First)).Min(side => side.Second);
            return (best[..Forms.Length], [Fastest(floats), Fastest(halves)]);
        }
        finally
        {
            foreach (IDisposable side in (IDisposable[])[.. ours, .. floats, .. halves])
                side.Dispose();
        }
    }

    private static TorchLinear[] Settings(float[] x, float[] weight, MatMulShape shape, ScalarType type) =>
        [new(x, weight, shape, type, transposed: false), new(x, weight, shape, type, transposed: true)];

    // Without the bfloat16 instructions that oneDNN wants, a matmul in BF16 takes up to ten times as long as linear.
    private static IEnumerable<TorchLinear> Promising(TorchLinear[] settings)
    {
        double[] seconds = [.. settings.Select(setting =>
        {
            setting.Run();
            return Turns.Seconds(setting.Run);
        })];
        return settings.Where((_, i) => seconds[i] < Hopeless * seconds.Min());
    }
}
