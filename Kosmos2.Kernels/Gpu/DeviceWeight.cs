using System.Numerics;
using ILGPU;
using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Kernels.Gpu;

/// <summary>A weight on a device, in the type in which it is stored.</summary>
internal class DeviceWeight(DeviceStorage storage, Shape shape, DType type) : PreparedWeight(shape, type)
{
    public DeviceStorage Storage => storage;

    /// <inheritdoc/>
    public override bool ReadsSource => false;

    /// <summary>Elements of the stored type.</summary>
    public ArrayView<T> Elements<T>()
        where T : unmanaged => storage.View<T>(0, storage.ByteLength / Interop.SizeOf<T>());

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            storage.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>A weight of small integers on a device, as <see cref="QuantizedMatrix"/> lays it out.</summary>
/// <param name="source">What is uploaded; not needed after.</param>
/// <param name="values">Its integers.</param>
/// <param name="scales">F32 [out, groups].</param>
/// <param name="zeroPoints">I8 [out, groups], or null.</param>
internal sealed class DeviceIntegers(QuantizedMatrix source, DeviceStorage values, DeviceStorage scales, DeviceStorage? zeroPoints)
    : DeviceWeight(values, source.Shape, source.Values.DType)
{
    /// <summary>Inputs that share a scale.</summary>
    public int GroupSize { get; } = source.GroupSize;

    /// <summary>Groups of a row.</summary>
    public int Groups { get; } = source.Groups;

    /// <summary>Whether it has zero points.</summary>
    public bool HasZeros => zeroPoints is not null;

    /// <summary>Scales and zero points for kernels. What is absent must still be some buffer.</summary>
    public ScaleViews Scales
    {
        get
        {
            DeviceStorage zeros = zeroPoints ?? scales;
            return new ScaleViews(
                scales.View<float>(0, scales.ByteLength / sizeof(float)),
                zeros.View<sbyte>(0, zeros.ByteLength),
                HasZeros ? 1 : 0,
                Shape.Width,
                GroupSize,
                Groups,
                BitOperations.IsPow2(GroupSize) ? BitOperations.Log2((uint)GroupSize) : -1);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            scales.Dispose();
            zeroPoints?.Dispose();
        }
        base.Dispose(disposing);
    }
}
