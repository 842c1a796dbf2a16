using BenchmarkDotNet.Attributes;
using Kosmos2.Bench.Peers;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>F32 products: assembled, compiled, and ONNX Runtime's.</summary>
public class MatMulBenchmarks : IDisposable
{
    private OurMatMul? _ours;
    private OurMatMul? _compiled;
    private OnnxMatMul? _onnxRuntime;

    [ParamsSource(nameof(Shapes))]
    public MatMulShape Shape { get; set; } = MatMulShape.All[0];

    [Params(1, 2)]
    public int Threads { get; set; } = 1;

    public static IEnumerable<MatMulShape> Shapes => MatMulShape.All;

    [GlobalSetup]
    public void Setup()
    {
        float[] x = Samples.Uniform(1, Shape.Rows * Shape.Inputs);
        float[] weight = Samples.Uniform(2, Shape.Outputs * Shape.Inputs);
        _ours = new OurMatMul(x, weight, Shape, WeightForm.Mapped, new CpuOptions { Threads = Threads });
        _compiled = new OurMatMul(x, weight, Shape, WeightForm.Mapped, new CpuOptions { Threads = Threads, Disable = "assembler" });
        _onnxRuntime = new OnnxMatMul(x, Shape.Rows, weight, Shape.Outputs, Shape.Inputs, Threads, OnnxSetting.Default);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _ours?.Dispose();
        _compiled?.Dispose();
        _onnxRuntime?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public void Ours() => _ours!.Run();

    [Benchmark]
    public void OursCompiled() => _compiled!.Run();

    [Benchmark(Baseline = true)]
    public void OnnxRuntime() => _onnxRuntime!.Run();
}
