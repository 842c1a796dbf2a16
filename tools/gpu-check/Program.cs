using Kosmos2.Bench;
using Kosmos2.Cli.Output;
using Kosmos2.Engine;
using Kosmos2.Engine.Measurement;
using Kosmos2.GpuCheck;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Tests;
using Kosmos2.Weights;
using NormConformance = Kosmos2.Tests.Kernels.Conformance.NormConformance;

// Everything that wants a GPU, by one program that brings its own runtime: parity with the reference data, the speed of the full-size model and of products, with what
// is asked of both, and the tests of the device. With --quick the shipped model and one class of tests stand for all. Data comes from the repository in which the
// program lies.
bool quick = args.Contains("--quick");
string device = args.FirstOrDefault(argument => argument != "--quick") ?? "cuda";
bool cuda = device.StartsWith("cuda", StringComparison.Ordinal);
string category = cuda ? "CUDA" : "OpenCL";
string model = quick ? TestData.ShapesModel : Path.Combine(Path.GetTempPath(), "kosmos2-full-size");
using var steps = new Steps(Console.Out, TimeSpan.FromMinutes(7.5));

await steps.Command("devices");
IlgpuDeviceKind kind = cuda ? IlgpuDeviceKind.Cuda : IlgpuDeviceKind.OpenCl;
Measured<double> bandwidth = await steps.Measure("bandwidth", _ => DeviceBandwidth.Measure(Console.Out, kind, quick ? 16L << 20 : 4L << 30));
Measured<IReadOnlyList<ProductFigure>> products = cuda
    ? await steps.Measure("products beside cuBLAS", _ => VersusCublas.Run(Console.Out, turns: 5))
    : new([], "cuBLAS is for CUDA");
if (!quick)
{
    await steps.Command("parity", TestData.File("models"), "--device", device);
    if (!File.Exists(Path.Combine(model, "model.safetensors")))
        await steps.Command("synthesize", model, "--dtype", "bfloat16");
}
Measured<BenchReport> stored = await Bench(WeightFormat.Stored), int8 = await Bench(WeightFormat.Int8);
await Bench(WeightFormat.Int4);
await steps.Command("bench", model, "--device", device, "--precision", "fast", "--profile", "--turns", quick ? "1" : "3");
// They take what time is left.
string? fixture = quick ? typeof(NormConformance).FullName : null;
await steps.Run($"tests, category {category}", end => Task.FromResult(new Suite(typeof(TestData).Assembly, Console.Out).Run(category, fixture, end)));

Console.Out.WriteLine($"\n=== what is asked of a card with the full-size model, here with {model}");
foreach (Bar bar in DeviceBars.Of(bandwidth, stored, int8, products))
    Console.Out.WriteLine(bar);
return steps.Finish();

Task<Measured<BenchReport>> Bench(WeightFormat format) => steps.Measure($"bench, {format} weights", end =>
{
    var options = new EngineOptions { Device = device, Products = ProductPrecision.Fast, WeightFormat = format };
    BenchReport report = ModelBench.Run(model, options, turns: quick ? 1 : 3, cancellation: end);
    BenchOutput.Print(report);
    return report;
});
