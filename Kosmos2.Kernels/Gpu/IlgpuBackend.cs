using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu.Graphs;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.Profiling;

namespace Kosmos2.Kernels.Gpu;

/// <summary>
/// A CUDA or OpenCL device through ILGPU, whose errors pass as they are (see <see cref="LossGuard"/>). Tensors are buffers on the device; a weight is uploaded once, in its stored type. Operations are
/// put into the device's queue and run in order; only <see cref="Download"/> and <see cref="Synchronize"/> wait for them, and uploads, which
/// return when the host's memory may be used again.
/// </summary>
internal sealed partial class IlgpuBackend : IBackend
{
    // Larger results are read without staging. The ids of a step lie below that, with what is told of sixteen boxes' corners.
    private const int StagedBytes = 1 << 17;

    private readonly Context _context;
    private readonly Accelerator _accelerator;
    private readonly OperandChecks _checks;
    private readonly Launchers _launch;
    private readonly WeightLaunchers<FloatView> _floatWeights;
    private readonly WeightLaunchers<HalfView> _halfWeights;
    private readonly WeightLaunchers<BFloat16View> _bfloat16Weights;
    private readonly WeightLaunchers<Int8View> _int8Weights;
    private readonly WeightLaunchers<Int4View> _int4Weights;
    private readonly CacheLaunchers<Float32Rows> _float32Cache;
    private readonly CacheLaunchers<BFloat16Rows> _bfloat16Cache;
    private readonly CacheLaunchers<Int8Rows> _int8Cache;
    private readonly WeightUpload _upload;
    private readonly AcceleratorStream _queue;
    private readonly DeviceCounters _counters = new();
    private readonly StepGraphs? _graphs;
    private readonly KernelProfile? _profile;
    private readonly StagingBuffer _stepStaging;
    private readonly StagingBuffer _resultStaging;
    private DeviceStorage? _step;
    private DeviceStorage? _scratch;
    private DeviceStorage? _pairs;
    private DeviceStorage? _entries;

    private IlgpuBackend(Context context, Accelerator accelerator, string description, GpuOptions options)
    {
        _context = context;
        _accelerator = accelerator;
        Description = description;
        _checks = new OperandChecks(
            description,
            IsOurs,
            weight => weight is DeviceWeight { Storage.IsAlive: true } ours && ours.Storage.Accelerator == accelerator,
            keysByElement: false);
        // Not the default one: CUDA can record graphs from streams of one's own only.
        _queue = accelerator.CreateStream();
        _stepStaging = new StagingBuffer(accelerator);
        _resultStaging = new StagingBuffer(accelerator);
        _launch = new Launchers(accelerator);
        _floatWeights = new WeightLaunchers<FloatView>(accelerator, weight => new FloatView(weight.Elements<float>()));
        _halfWeights = new WeightLaunchers<HalfView>(accelerator, weight => new HalfView(weight.Elements<ushort>()));
        _bfloat16Weights = new WeightLaunchers<BFloat16View>(accelerator, weight => new BFloat16View(weight.Elements<ushort>()));
        _int8Weights = new WeightLaunchers<Int8View>(accelerator, weight => new Int8View(weight.Elements<sbyte>(), ((DeviceIntegers)weight).Scales));
        _int4Weights = new WeightLaunchers<Int4View>(accelerator, weight => new Int4View(weight.Elements<int>(), ((DeviceIntegers)weight).Scales));
        _float32Cache = new CacheLaunchers<Float32Rows>(accelerator, layer => new Float32Rows(layer.Floats()));
        _bfloat16Cache = new CacheLaunchers<BFloat16Rows>(accelerator, layer => new BFloat16Rows(layer.View<ushort>()));
        _int8Cache = new CacheLaunchers<Int8Rows>(accelerator, layer => new Int8Rows(layer.View<sbyte>(), layer.Floats()));
        _upload = new WeightUpload(accelerator);
        _wideThreads = options.WideThreads ?? WideThreads(accelerator);
        _keyGroups = options.KeyGroups;
        _profile = options.Profile;
        _profile?.Attach(accelerator, _queue);
        if (_profile is null && new CpuFeatures("").CudaGraphs && CudaGraphDriver.TryCreate(accelerator, _queue) is { } graphs)
            _graphs = new StepGraphs(graphs);
        (_exactProducts, _fastProducts, _fastAttention) = CreateProducts(accelerator, options);
    }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public long? FreeBytes => DeviceMemory.FreeBytes(_accelerator);

    /// <summary>What has been asked of the device so far.</summary>
    internal DeviceCounters Counters => _counters;

    /// <summary>Opens a device.</summary>
    /// <param name="kind">How to reach it.</param>
    /// <param name="index">Its number among the devices of its kind, as <see cref="IlgpuDevices.Enumerate()"/> lists them.</param>
    /// <param name="options">How it runs; null for the defaults.</param>
    /// <exception cref="DeviceUnavailableException">There is no such device, or it cannot be used.</exception>
    public static IlgpuBackend Create(IlgpuDeviceKind kind, int index = 0, GpuOptions? options = null)
    {
        Context context = IlgpuDevices.CreateContext(kind, profiling: options?.Profile is not null);
        try
        {
            (Device device, IlgpuDevice description) = IlgpuDevices.Find(context, kind, index);
            Accelerator accelerator = device.CreateAccelerator(context);
            return new IlgpuBackend(context, accelerator, $"{description.Selector} ({description.Name})", options ?? new GpuOptions());
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents) => Allocate(type, extents, isRecorded: true);

    /// <inheritdoc/>
    public Tensor AllocateUnrecorded(DType type, params ReadOnlySpan<long> extents) => Allocate(type, extents, isRecorded: false);

    private Tensor Allocate(DType type, ReadOnlySpan<long> extents, bool isRecorded)
    {
        var shape = new Shape(extents);
        // Kernels count elements in 32 bits.
        OperandRules.Require(shape.ElementCount <= int.MaxValue, shape, "at most 2^31 - 1 elements", nameof(extents));
        var storage = new DeviceStorage(_accelerator, shape.ElementCount * type.SizeInBytes(), isRecorded);
        if (storage.ByteLength > 0)
            storage.View<byte>(0, storage.ByteLength).MemSetToZero(_queue);
        return new Tensor(storage, type, shape, 0, ownsStorage: true);
    }

    /// <inheritdoc/>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    public PreparedWeight Prepare(Tensor weight)
    {
        OperandChecks.Prepare(weight);
        OperandRules.Require(weight.Shape.ElementCount <= int.MaxValue, weight, "at most 2^31 - 1 elements");
        return new DeviceWeight(_upload.Send(weight), weight.Shape, weight.DType);
    }

    /// <inheritdoc/>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    public PreparedWeight Prepare(QuantizedMatrix weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        OperandRules.Require(weight.Shape.ElementCount <= int.MaxValue, weight, "at most 2^31 - 1 elements");
        DeviceStorage? values = null, scales = null;
        try
        {
            values = _upload.Send(weight.Values);
            scales = _upload.Send(weight.Scales);
            return new DeviceIntegers(weight, values, scales, weight.ZeroPoints is null ? null : _upload.Send(weight.ZeroPoints));
        }
        catch
        {
            values?.Dispose();
            scales?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged
    {
        _checks.Transfer<T>(destination, source.Length);
        _graphs?.Abandon();
        if (source.IsEmpty)
            return;
        _counters.Uploads++;
        Mark();
        destination.View<byte>().CopyFromCPU(_queue, MemoryMarshal.AsBytes(source));
    }

    /// <inheritdoc/>
    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged
    {
        _checks.Transfer<T>(source, destination.Length);
        _graphs?.Abandon();
        if (destination.IsEmpty)
            return;
        Mark();
        Span<byte> bytes = MemoryMarshal.AsBytes(destination);
        if (bytes.Length > StagedBytes)
        {
            source.View<byte>().CopyToCPU(_queue, bytes);
            Synchronize();
            return;
        }
        Span<byte> staged = _resultStaging.Bytes(bytes.Length);
        _resultStaging.CopyFrom(_queue, (DeviceStorage)source.Storage, source.ByteOffset, source.ByteLength);
        Synchronize();
        staged.CopyTo(bytes);
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        _counters.Synchronisations++;
        _queue.Synchronize();
        _stepStaging.IsBusy = false;
    }

    /// <inheritdoc/>
    public void BeginStep(StepTable table)
    {
        _checks.BeginStep(table);
        _graphs?.Abandon();
        Tensor numbers = table.Storage;
        // The last step's copy is under way only where nobody has read a result since.
        if (_stepStaging.IsBusy)
            Synchronize();
        MemoryMarshal.AsBytes(numbers.AsSpan<int>()).CopyTo(_stepStaging.Bytes((int)numbers.ByteLength));
        _counters.Uploads++;
        Mark();
        _stepStaging.CopyTo(_queue, Grow(ref _step, numbers.ByteLength), 0, numbers.ByteLength);
    }

    /// <inheritdoc/>
    public bool TryRepeat(in StepSignature step)
    {
        if (_graphs is null || !_graphs.TryRepeat(step, DeviceMemory.Version))
            return false;
        _counters.Launches++;
        return true;
    }

    /// <inheritdoc/>
    public bool EndStep() => _graphs?.End() ?? true;

    /// <inheritdoc/>
    public void Copy(Tensor source, Tensor destination)
    {
        _checks.Copy(source, destination);
        if (source.ByteLength == 0)
            return;
        Mark();
        source.View<byte>().CopyTo(_queue, destination.View<byte>());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DeviceLoss.Forgive(_queue.Synchronize);
        DeviceLoss.Forgive(() => _profile?.Detach());
        foreach (IDisposable? part in (IDisposable?[])[_graphs, _exactProducts, _fastProducts, _fastAttention, _rounded, _keySums, _arrived, _step, _scratch, _pairs, _entries, _upload, _stepStaging, _resultStaging, _queue])
            DeviceLoss.Forgive(() => part?.Dispose());
        CloseAccelerator();
        _context.Dispose();
    }

    private void CloseAccelerator()
    {
        nint native = _accelerator.NativePtr;
        try
        {
            _accelerator.Dispose();
        }
        catch (Exception e) when (DeviceLoss.Is(e))
        {
            // ILGPU gives up at the first object that cannot be freed; what is left goes with the context.
            if (_accelerator is CudaAccelerator)
                CudaAPI.CurrentAPI.DestroyContext(native);
        }
    }

    private bool IsOurs(Tensor tensor)
    {
        if (tensor.Storage is not DeviceStorage storage || storage.Accelerator != _accelerator || !storage.IsAlive)
            return false;
        if (!storage.IsRecorded)
            _graphs?.Spoil();
        return true;
    }

    /// <summary>A buffer of at least this size, whose content is undefined. What was queued with a smaller one finishes first.</summary>
    private DeviceStorage Grow(ref DeviceStorage? buffer, long byteLength)
    {
        if (buffer is not null && buffer.ByteLength >= byteLength)
            return buffer;
        if (buffer is not null)
        {
            Synchronize();
            buffer.Dispose();
        }
        return buffer = new DeviceStorage(_accelerator, byteLength);
    }

    /// <summary>The queue, for one more launch.</summary>
    /// <param name="bytes">What it has to read at least, where that is known.</param>
    /// <param name="name">The kernel.</param>
    private AcceleratorStream Launch(long bytes = 0, [CallerMemberName] string name = "") => Launch(new KernelLabel(name, 0, 0, 0), bytes);

    private AcceleratorStream Launch(KernelLabel label, long bytes)
    {
        _counters.Launches++;
        _profile?.Add(label, bytes);
        return _queue;
    }

    /// <summary>Something else than a launch goes into the queue.</summary>
    private void Mark([CallerMemberName] string name = "") => _profile?.Add(new KernelLabel(name, 0, 0, 0), 0);

    /// <summary>The step's table on the device from a section on: where the section ends is for kernels to know, so that steps of a layout share arguments.</summary>
    private ArrayView<int> Section(StepTable.Section section)
    {
        int start = _checks.Step.Offset(section);
        return _step!.View<int>((long)start * sizeof(int), _checks.Step.Storage.Shape.ElementCount - start);
    }
}
