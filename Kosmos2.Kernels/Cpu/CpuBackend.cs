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
        Packs = options.Weights == WeightResidency.Packed;
        _fast = options.Products == ProductPrecision.Fast;
        int threads = options.Workers;
        var features = new CpuFeatures(options.Disable, options.SlowKernels);
        InstructionSet set = InstructionSet = features.Choose(options.InstructionSet);
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

    /// <summary>Vectors of the kernels.</summary>
    internal InstructionSet InstructionSet { get; }

    /// <summary>Whether weights get panels in memory of their own.</summary>
    internal bool Packs { get; }

    /// <summary>How this backend's panels lie, whatever the weights': panels that another wrote serve where this is the same.</summary>
    internal string PanelLayouts
    {
        get
        {
            List<ProductFormat> formats = [PanelFormatOf(DType.F32), PanelFormatOf(DType.F16), PanelFormatOf(DType.BF16)];
            if (_fast && _machine.Int8 is not null)
                formats.Add(Int8Format);
            if (_fast && _machine.Int4 is not null)
                formats.Add(ProductFormat.Int4);
            return $"{PanelLayout.Version} {string.Join(' ', formats.Select(_kernels.LayoutOf))}";
        }
    }

    /// <inheritdoc/>
    public bool KeysByElement => true;

    /// <inheritdoc/>
    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents) => Tensor.OnHost(type, extents);

    /// <inheritdoc/>
    public PreparedWeight Prepare(Tensor weight) => Prepare(weight, null);

    /// <inheritdoc/>
    public PreparedWeight Prepare(QuantizedMatrix weight) => Prepare(weight, null);

    /// <summary>As the public method, of a weight whose panels may be there already.</summary>
    /// <param name="weight">[out, in].</param>
    /// <param name="panels">Its panels as a backend of the same <see cref="PanelLayouts"/> wrote them, or null. They must outlive the weight, as must the weight's matrix.</param>
    /// <exception cref="ArgumentException">The panels are of another size.</exception>
    internal PreparedWeight Prepare(Tensor weight, Tensor? panels)
    {
        OperandChecks.Prepare(weight);
        ProductFormat format = PanelFormatOf(weight.DType);
        if (Packs || panels is not null)
            return new PackedWeight(weight, _kernels.LayoutOf(format), panels);
        return new CpuWeight(weight, format == ProductFormat.BFloat16 ? format : ProductFormat.Float32);
    }

    /// <summary>As the other, for integers; those that are multiplied as floats have no panels.</summary>
    internal PreparedWeight Prepare(QuantizedMatrix weight, Tensor? panels)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ProductFormat format = _fast && weight.ZeroPoints is null ? FastFormat(weight) : ProductFormat.Float32;
        // In panels of F32 integers would take four or eight times their room.
        return (Packs || panels is not null) && format != ProductFormat.Float32 ? new PackedWeight(weight, _kernels.LayoutOf(format), panels) : new CpuWeight(weight, format);
    }

    /// <summary>Writes all panels of a packed weight that are not there yet.</summary>
    internal void Pack(PackedWeight weight)
    {
        // A product needs them all.
        using Tensor x = Allocate(DType.F32, 1, weight.Shape.Width), y = Allocate(DType.F32, 1, weight.Shape.Rows);
        x.AsSpan<float>().Clear();
        Linear(x, new LinearParameters(weight, null), y);
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

    private ProductFormat PanelFormatOf(DType type) => type switch
    {
        DType.BF16 => _fast && _machine.Assembled?.BFloat16 is not null ? ProductFormat.BFloat16 : ProductFormat.WidenedBFloat16,
        DType.F16 => ProductFormat.WidenedFloat16,
        _ => ProductFormat.Float32,
    };

    private ProductFormat FastFormat(QuantizedMatrix weight) => weight.Bits switch
    {
        8 when weight.Groups == 1 && _machine.Int8 is not null => Int8Format,
        4 when (weight.Groups == 1 || weight.GroupSize % Int4Group.Inputs == 0) && _machine.Int4 is not null => ProductFormat.Int4,
        _ => ProductFormat.Float32,
    };

    private ProductFormat Int8Format => _machine.Assembled?.Int8 is not null ? ProductFormat.Int8 : ProductFormat.PairedInt8;

    private static string Name(InstructionSet set) => set switch
    {
        InstructionSet.Vector512 => "AVX-512",
        InstructionSet.Vector256 => "AVX2",
        InstructionSet.Vector128 => "128-bit vectors",
        _ => "scalar",
    };
}
