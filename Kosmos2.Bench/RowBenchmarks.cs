using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Tensor = Kosmos2.Kernels.Tensor;

namespace Kosmos2.Bench;

/// <summary>The other kernels at the vision encoder's sizes: 257 tokens of 1024, 16 heads of 64, on one thread.</summary>
public class RowBenchmarks : IDisposable
{
    private const int Tokens = 257;
    private const int Width = 1024;
    private const int Heads = 16;
    private const int Wide = 4096;

    private readonly CpuBackend _backend = new(new CpuOptions { Threads = 1 });
    private readonly Tensor _q = Filled(1, Tokens, Width);
    private readonly Tensor _k = Filled(2, Tokens, Width);
    private readonly Tensor _v = Filled(3, Tokens, Width);
    private readonly Tensor _y = Tensor.OnHost(DType.F32, Tokens, Width);
    private readonly Tensor _thin = Filled(5, Tokens, 1);
    private readonly Tensor _wide = Tensor.OnHost(DType.F32, Tokens, Wide);
    private readonly Tensor _weight = Filled(6, Wide, 1);
    private readonly LayerNormParameters _norm = new(Filled(7, 1, Width), Filled(8, 1, Width), 1e-5f);
    private readonly LinearParameters _layer;
    private readonly float[] _scores = Samples.Uniform(9, Tokens);
    private readonly float[] _softmax = new float[Tokens];

    public RowBenchmarks() => _layer = new LinearParameters(_backend.Prepare(_weight), null);

    [Benchmark]
    public void LayerNorm() => _backend.LayerNorm(_q, _norm, _y);

    [Benchmark]
    public void VisionAttention() => _backend.Attention(_q, _k, _v, _y, 1, Heads, 0.125f);

    /// <summary>[257, 4096] through GELU, with a product of depth 1 before it.</summary>
    [Benchmark]
    public void GeluLayer() => _backend.Linear(_thin, _layer, _wide, Activation.Gelu);

    /// <summary>Attention of one query: 16 softmaxes of 257 scores and their products.</summary>
    [Benchmark]
    public void Softmax() => _backend.Attention(_q.SliceRows(0, 1), _k, _v, _y.SliceRows(0, 1), 1, Heads, 0.125f);

    /// <summary>As many softmaxes of 257 scores, without the products.</summary>
    [Benchmark]
    public void TensorsSoftmax()
    {
        for (int head = 0; head < Heads; head++)
            TensorPrimitives.SoftMax<float>(_scores, _softmax);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        foreach (Tensor tensor in (Tensor[])[_q, _k, _v, _y, _thin, _wide, _weight, _norm.Weight, _norm.Bias])
            tensor.Dispose();
        _backend.Dispose();
        GC.SuppressFinalize(this);
    }

    private static Tensor Filled(int seed, int rows, int width)
    {
        Tensor tensor = Tensor.OnHost(DType.F32, rows, width);
        Samples.Uniform(seed, rows * width).CopyTo(tensor.AsSpan<float>());
        return tensor;
    }
}
