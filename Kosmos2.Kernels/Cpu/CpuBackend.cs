using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu;

/// <summary>
/// The model's operations on the processor, in vectors of 16, 8 or 4 floats or one by one, on threads of its own. Weights are read where they
/// lie, F32, F16, BF16 or small integers, aligned or not; sums are F32. After the first steps no operation allocates.
/// </summary>
/// <remarks>
/// A row's result is the same, bit for bit, whatever other rows run beside it and however many threads work. Widths differ from one another by rounding.
/// </remarks>
public sealed partial class CpuBackend : IBackend
{
    private const int MostThreads = 1024;

    private readonly OperandChecks _checks = new("cpu", tensor => tensor.IsHost, weight => weight is CpuWeight, keysByElement: true);
    private readonly CpuMachine _machine;
    private readonly CpuKernels _kernels;
    private readonly bool _packed;
    private readonly bool _fast;

    /// <summary>Starts the threads and chooses the kernels.</summary>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of threads is not 0 to 1024.</exception>
    /// <exception cref="ArgumentException">A kernel to disable does not exist.</exception>
    /// <exception cref="PlatformNotSupportedException">The machine lacks the instruction set asked for.</exception>
    public CpuBackend(CpuOptions? options = null)
        : this(options, ExecutableMemory.TryCreate)
    {
    }

    /// <summary>As the public constructor, with another source of executable memory.</summary>
    internal CpuBackend(CpuOptions? options, Func<byte[], ExecutableMemory?> allocate)
    {
        options ??= new CpuOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Threads, MostThreads);
        _packed = options.Weights == WeightResidency.Packed;
        _fast = options.Products == ProductPrecision.Fast;
        int threads = options.Workers;
        var features = new CpuFeatures(options.Disable, options.SlowKernels);
        InstructionSet set = features.Choose(options.InstructionSet);
        AssembledKernels? assembled = AssembledKernels.TryCreate(features, set, allocate);
        (_machine, _kernels) = set switch
        {
            InstructionSet.Vector512 => Make<Simd512>(threads, options.PinThreads, features, assembled),
            InstructionSet.Vector256 => Make<Simd256>(threads, options.PinThreads, features, assembled),
            InstructionSet.Vector128 => Make<Simd128>(threads, options.PinThreads, features, null),
            _ => Make<Simd1>(threads, options.PinThreads, features, null),
        };
        string matmul = assembled is null ? "compiled" : "assembled";
        Description = $"cpu ({Name(set)}, {matmul} matmul, {threads} {(threads == 1 ? "thread" : "threads")})";
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public bool KeysByElement => true;

    /// <inheritdoc/>
    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents) => Tensor.OnHost(type, extents);

    /// <inheritdoc/>
    public PreparedWeight Prepare(Tensor weight)
    {
        OperandChecks.Prepare(weight);
        bool rounds = weight.DType == DType.BF16 && _fast && _machine.Assembled?.BFloat16 is not null;
        if (!_packed)
            return new CpuWeight(weight, rounds ? ProductFormat.BFloat16 : ProductFormat.Float32);
        return rounds ? PackedWeight.Reserve<BFloat16Format<Simd512>>(weight, ProductFormat.BFloat16, Panel<Simd512>.Width) : _kernels.Pack(weight);
    }

    /// <inheritdoc/>
    public PreparedWeight Prepare(QuantizedMatrix weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ProductFormat format = _fast && weight.ZeroPoints is null ? FastFormat(weight) : ProductFormat.Float32;
        // In panels of F32 integers would take four or eight times their room.
        return _packed && format != ProductFormat.Float32 ? _kernels.Pack(weight, format) : new CpuWeight(weight, format);
    }

    /// <inheritdoc/>
    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged
    {
        _checks.Transfer<T>(destination, source.Length);
        source.CopyTo(destination.HostBytes<T>());
    }

    /// <inheritdoc/>
    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged
    {
        _checks.Transfer<T>(source, destination.Length);
        source.HostBytes<T>().CopyTo(destination);
    }

    /// <summary>Nothing to wait for: every operation is done when its call returns.</summary>
    public void Synchronize()
    {
    }

    /// <inheritdoc/>
    public void BeginStep(StepTable table) => _checks.BeginStep(table);

    /// <inheritdoc/>
    public bool EndStep() => true;

    /// <inheritdoc/>
    public void Dispose() => _machine.Dispose();

    private static (CpuMachine Machine, CpuKernels Kernels) Make<S>(int threads, bool pin, CpuFeatures features, AssembledKernels? assembled)
        where S : unmanaged, ISimd<S>
    {
        var machine = new CpuMachine(threads, pin, assembled?.Float32 ?? new TileKernels(TileTable.Compiled<S>()), Int8, Int4, assembled);
        return (machine, new SimdKernels<S>(machine));

        TileKernels? Int8() => assembled?.Int8 ?? assembled?.PairedInt8 ?? (features.Integers ? new TileKernels(TileTable.Int8<S>()) : null);
        TileKernels? Int4() => assembled?.Int4 ?? (features.Integers ? new TileKernels(TileTable.Int4<S>()) : null);
    }

    private ProductFormat FastFormat(QuantizedMatrix weight) => weight.Bits switch
    {
        8 when weight.Groups == 1 && _machine.Int8 is not null => _machine.Assembled?.Int8 is not null ? ProductFormat.Int8 : ProductFormat.PairedInt8,
        4 when (weight.Groups == 1 || weight.GroupSize % Int4Group.Inputs == 0) && _machine.Int4 is not null => ProductFormat.Int4,
        _ => ProductFormat.Float32,
    };

    private static string Name(InstructionSet set) => set switch
    {
        InstructionSet.Vector512 => "AVX-512",
        InstructionSet.Vector256 => "AVX2",
        InstructionSet.Vector128 => "128-bit vectors",
        _ => "scalar",
    };
}
