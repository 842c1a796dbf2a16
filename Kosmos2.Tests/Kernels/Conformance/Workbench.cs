using System.Runtime.InteropServices;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>A backend with short ways to make operands on it, all of which are freed with the bench.</summary>
public sealed class Workbench(IBackend backend) : IDisposable
{
    private readonly Stack<IDisposable> _owned = new();

    public IBackend Backend => backend;

    /// <summary>A tensor with given elements.</summary>
    public Tensor Floats(float[] values, params ReadOnlySpan<long> extents)
    {
        Tensor tensor = Keep(backend.Allocate(DType.F32, extents));
        backend.Upload<float>(values, tensor);
        return tensor;
    }

    /// <summary>A tensor of normally distributed numbers that are the same on every bench.</summary>
    public Tensor Random(int seed, params ReadOnlySpan<long> extents) => Floats(Samples.Normal(seed, extents), extents);

    /// <summary>A tensor for a result, filled with NaN so that an element which is never written shows.</summary>
    public Tensor Result(params ReadOnlySpan<long> extents)
    {
        var values = new float[new Shape(extents).ElementCount];
        values.AsSpan().Fill(float.NaN);
        return Floats(values, extents);
    }

    /// <summary>A vocabulary by classes.</summary>
    public TokenClasses Classes(sbyte[] numbers, int firstCell = 0, int side = 0)
    {
        Tensor tensor = Keep(backend.Allocate(DType.I8, numbers.Length));
        backend.Upload<sbyte>(numbers, tensor);
        return new TokenClasses(tensor, firstCell, side);
    }

    public Tensor Integers(params ReadOnlySpan<long> extents) => Keep(backend.Allocate(DType.I32, extents));

    /// <summary>A prepared weight of random numbers, scaled so that its products with normal numbers are of order 1, as in a model.</summary>
    public PreparedWeight Weight(int seed, DType type, int rows, int width, int misalignment = 0)
    {
        float scale = 1 / MathF.Sqrt(width);
        return Weight(Array.ConvertAll(Samples.Normal(seed, rows, width), v => v * scale), type, rows, width, misalignment);
    }

    /// <summary>A prepared weight; in host memory its first element lies <paramref name="misalignment"/> bytes past an aligned address.</summary>
    public PreparedWeight Weight(float[] values, DType type, int rows, int width, int misalignment = 0)
    {
        Tensor host = Samples.HostWeight(values, type, rows, width, misalignment);
        _owned.Push(host.Storage);
        return Keep(backend.Prepare(host));
    }

    /// <summary>
    /// A prepared weight of random small integers, scaled so that its products with normal numbers are of order 1. A group size of 0, or one larger
    /// than the width, means one scale a row. Short scales are those of long ones, rounded to bfloat16.
    /// </summary>
    public PreparedWeight Quantized(int seed, int bits, int rows, int width, int groupSize, bool zeroPoints = false, int misalignment = 0, bool shortScales = false)
    {
        var random = new Random(seed);
        groupSize = groupSize == 0 ? width : Math.Min(groupSize, width);
        int limit = 1 << (bits - 1), groups = rows * ((width + groupSize - 1) / groupSize);
        sbyte[] integers = [.. Enumerable.Range(0, rows * width).Select(_ => (sbyte)random.Next(-limit, limit))];
        float[] scales = [.. Enumerable.Range(0, groups).Select(_ => (0.5f + random.NextSingle()) / limit / MathF.Sqrt(width))];
        if (shortScales)
            scales = Array.ConvertAll(scales, scale => BFloat16.FromBits(BFloat16.ToBits(scale)));
        sbyte[]? zeros = zeroPoints ? [.. Enumerable.Range(0, groups).Select(_ => (sbyte)random.Next(-limit, limit))] : null;
        return Quantized(integers, bits, rows, width, groupSize, scales, zeros, misalignment);
    }

    /// <summary>A prepared weight of given integers.</summary>
    public PreparedWeight Quantized(
        sbyte[] integers, int bits, int rows, int width, int groupSize, float[] scales, sbyte[]? zeros, int misalignment = 0)
    {
        QuantizedMatrix matrix = Keep(Samples.Quantized(integers, bits, rows, width, groupSize, scales, zeros, misalignment));
        return Keep(backend.Prepare(matrix));
    }

    public LayerNormParameters Norm(int seed, int width, float epsilon = 1e-5f) =>
        new(Random(seed, width), Random(seed + 1, width), epsilon);

    public KeyValueBlocks Cache(int layers, int heads, int headSize, int capacity, CacheFormat format = CacheFormat.Float32) =>
        Keep(new KeyValueBlocks(backend, layers, heads, headSize, capacity, format));

    /// <summary>Hands a step's table over; it lives as long as the bench.</summary>
    public StepTable Begin(StepTable table)
    {
        backend.BeginStep(Keep(table));
        return table;
    }

    public float[] Read(Tensor tensor)
    {
        var values = new float[tensor.Shape.ElementCount];
        backend.Download<float>(tensor, values);
        return values;
    }

    /// <summary>The bytes of a tensor of any type.</summary>
    public byte[] ReadBytes(Tensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        backend.Download<byte>(tensor, bytes);
        return bytes;
    }

    /// <summary>Integers as floats, so that programs have one kind of result; ids in tests are small.</summary>
    public float[] ReadIntegers(Tensor tensor)
    {
        var values = new int[tensor.Shape.ElementCount];
        backend.Download<int>(tensor, values);
        return Array.ConvertAll(values, v => (float)v);
    }

    public void Dispose()
    {
        while (_owned.TryPop(out IDisposable? owned))
            owned.Dispose();
    }

    private T Keep<T>(T owned)
        where T : IDisposable
    {
        _owned.Push(owned);
        return owned;
    }
}

/// <summary>Numbers for tests.</summary>
internal static class Samples
{
    /// <summary>Numbers that share a scale as signed bytes hold them: whole multiples of the largest magnitude, or of a larger one, over 127.</summary>
    public static float[] InBytes(float[] group, float least = 0)
    {
        float largest = Math.Max(least, group.Max(Math.Abs));
        return largest == 0 ? group : Array.ConvertAll(group, x => MathF.Round(x * (127 / largest)) * (largest / 127));
    }

    /// <summary>Normally distributed numbers, deviation 1.</summary>
    public static float[] Normal(int seed, params ReadOnlySpan<long> extents)
    {
        var random = new Random(seed);
        var values = new float[new Shape(extents).ElementCount];
        foreach (ref float value in values.AsSpan())
            value = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    /// <summary>Integers packed as compressed-tensors packs them, written here on purpose by another way than the kernels read.</summary>
    public static QuantizedMatrix Quantized(
        sbyte[] integers, int bits, int rows, int width, int groupSize, float[] scales, sbyte[]? zeros, int misalignment = 0)
    {
        int groups = (width + groupSize - 1) / groupSize;
        Tensor values = bits == 8
            ? Host<sbyte>(integers, DType.I8, rows, width, misalignment)
            : Host<int>(PackedNibbles(integers, rows, width), DType.I32, rows, (width + 7) / 8, misalignment);
        Tensor? zeroPoints = zeros is null ? null : Host<sbyte>(zeros, DType.I8, rows, groups, misalignment);
        return new QuantizedMatrix(
            new Shape(rows, width), bits, groupSize, values, Host<float>(scales, DType.F32, rows, groups, misalignment), zeroPoints);
    }

    private static int[] PackedNibbles(sbyte[] integers, int rows, int width)
    {
        int words = (width + 7) / 8;
        var packed = new int[rows * words];
        for (int i = 0; i < integers.Length; i++)
            packed[(i / width * words) + (i % width / 8)] |= (integers[i] + 8) << (i % width % 8 * 4);
        return packed;
    }

    private static unsafe Tensor Host<T>(T[] values, DType type, int rows, int width, int misalignment)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<T>(values);
        var tensor = new Tensor(new HostStorage(misalignment + bytes.Length), type, new Shape(rows, width), misalignment, ownsStorage: true);
        bytes.CopyTo(new Span<byte>(tensor.HostPointer, bytes.Length));
        return tensor;
    }

    public static Tensor HostWeight(float[] values, DType type, int rows, int width, int misalignment = 0)
    {
        int size = type.SizeInBytes();
        var tensor = new Tensor(new HostStorage(misalignment + (values.Length * size)), type, new Shape(rows, width), misalignment);
        byte[] bytes = type switch
        {
            DType.F32 => MemoryMarshal.AsBytes<float>(values).ToArray(),
            DType.F16 => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, v => (Half)v)).ToArray(),
            DType.BF16 => MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))).ToArray(),
            _ => throw new ArgumentOutOfRangeException(nameof(type)),
        };
        unsafe
        {
            bytes.CopyTo(new Span<byte>(tensor.HostPointer, bytes.Length));
        }
        return tensor;
    }
}
