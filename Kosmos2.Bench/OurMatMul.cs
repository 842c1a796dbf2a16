using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Bench;

/// <summary>
/// Our linear layer without bias, over a row-major F32 weight as a mapped file gives it: 8 bytes past an aligned address. Whatever packing the
/// kernel does is part of every run.
/// </summary>
internal sealed class OurMatMul : IDisposable
{
    private const int Misalignment = 8;

    private readonly CpuBackend _backend;
    private readonly HostStorage _storage;
    private readonly LinearParameters _layer;
    private readonly Tensor _x;
    private readonly Tensor _y;

    public unsafe OurMatMul(float[] x, int rows, float[] weight, int outputs, int inputs, CpuOptions options)
    {
        _backend = new CpuBackend(options);
        _storage = new HostStorage(Misalignment + (weight.Length * sizeof(float)));
        var matrix = new Tensor(_storage, DType.F32, new Shape(outputs, inputs), Misalignment);
        weight.CopyTo(new Span<float>(matrix.HostPointer, weight.Length));
        _layer = new LinearParameters(_backend.Prepare(matrix), null);
        _x = _backend.Allocate(DType.F32, rows, inputs);
        _y = _backend.Allocate(DType.F32, rows, outputs);
        _backend.Upload<float>(x, _x);
    }

    /// <summary>[rows, outputs] of the last run.</summary>
    public ReadOnlySpan<float> Output => _y.AsSpan<float>();

    public string Description => _backend.Description;

    public void Run() => _backend.Linear(_x, _layer, _y);

    public void Dispose()
    {
        _x.Dispose();
        _y.Dispose();
        _layer.Weight.Dispose();
        _storage.Dispose();
        _backend.Dispose();
    }
}
