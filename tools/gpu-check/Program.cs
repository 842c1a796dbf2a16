using Kosmos2.Bench;
using Kosmos2.GpuCheck;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Tests;

// Everything that wants a GPU, by one program that brings its own runtime: the tests of the device, parity with the reference data, and the
// speed of the full-size model. Data comes from the repository in which the program lies.
string device = args.FirstOrDefault() ?? "cuda";
bool cuda = device.StartsWith("cuda", StringComparison.Ordinal);
string category = cuda ? "CUDA" : "OpenCL";
string full = Path.Combine(Path.GetTempPath(), "kosmos2-full-size");
var steps = new Steps(Console.Out);

await steps.Command("devices");
await steps.Run("bandwidth", () => Task.FromResult(DeviceBandwidth.Run(Console.Out, cuda ? IlgpuDeviceKind.Cuda : IlgpuDeviceKind.OpenCl)));
if (cuda)
    await steps.Run("products beside cuBLAS", () => { VersusCublas.Run(Console.Out, turns: 5); return Task.FromResult(true); });
await steps.Run($"tests, category {category}", () => Task.FromResult(new Suite(typeof(TestData).Assembly, Console.Out).Run(category)));
await steps.Command("parity", TestData.File("models"), "--device", device);
if (!File.Exists(Path.Combine(full, "model.safetensors")))
    await steps.Command("synthesize", full, "--dtype", "bfloat16");
await steps.Command("bench", full, "--device", device, "--precision", "fast", "--profile");
foreach (string format in (string[])["stored", "int8", "int4"])
    await steps.Command("bench", full, "--device", device, "--format", format, "--precision", "fast");
return steps.Finish();
