using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Tensor = Kosmos2.Kernels.Tensor;

namespace Kosmos2.Bench;

/// <summary>How long a token takes to be chosen from the real model's vocabulary of 65,037, on one thread, beside what sorting it takes.</summary>
public class SelectionBenchmarks : IDisposable
{
    private const int Vocabulary = 65037;

    private static readonly TokenChoice s_drawn = TokenChoice.Drawn(0.8f) with { Uniform = 1u << 31 };

    private readonly CpuBackend _backend = new(new CpuOptions { Threads = 1 });
    private readonly StepTable _step = new();
    private readonly Tensor _logits = Tensor.OnHost(DType.F32, 1, Vocabulary);
    private readonly Tensor _id = Tensor.OnHost(DType.I32, 1);
    private readonly float[] _scores = new float[Vocabulary];
    private readonly float[] _shares = new float[Vocabulary];
    private readonly int[] _ids = new int[Vocabulary];

    public SelectionBenchmarks()
    {
        // Some tokens stand out, as a model's do.
        float[] uniform = Samples.Uniform(1, Vocabulary);
        for (int i = 0; i < Vocabulary; i++)
            _logits.AsSpan<float>()[i] = 4 * MathF.Log(1 / Math.Max(Math.Abs(uniform[i]), 1e-6f));
        _step.Reset(1, 1, 1, 1, 0);
        (_step.TokenIds[0], _step.Positions[0], _step.GivenRows[0], _step.Slots[0], _step.KeyVisible[0], _step.RowSequences[0]) = (0, 0, -1, 0, 1, 0);
        (_step.Blocks[0], _step.BlockStarts[1], _step.RowStarts[1], _step.KeyCounts[0]) = (0, 1, 1, 1);
        (_step.OutputRows[0], _step.BanStarts[1], _step.PenalisedStarts[1]) = (0, 0, 0);
    }

    [Benchmark]
    public void Likeliest() => Select(default);

    [Benchmark]
    public void All() => Select(s_drawn);

    [Benchmark]
    public void TopK() => Select(s_drawn with { TopK = 50 });

    [Benchmark]
    public void TopP() => Select(s_drawn with { Tail = TokenChoice.Fraction(0.1) });

    /// <summary>Softmax and a sort, from which any of these could be taken.</summary>
    [Benchmark]
    public void Sorted()
    {
        _logits.AsSpan<float>().CopyTo(_scores);
        TensorPrimitives.SoftMax<float>(_scores, _shares);
        for (int i = 0; i < Vocabulary; i++)
            _ids[i] = i;
        Array.Sort(_shares, _ids);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _logits.Dispose();
        _id.Dispose();
        _step.Dispose();
        _backend.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Select(TokenChoice choice)
    {
        _step.Choices[0] = choice;
        _backend.BeginStep(_step);
        _backend.SelectTokens(_logits, _id);
    }
}
