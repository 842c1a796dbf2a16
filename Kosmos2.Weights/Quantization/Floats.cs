using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>Weights between their stored types and F32.</summary>
internal static class Floats
{
    /// <summary>A tensor as F32: itself if it is, otherwise a widened copy that owns its memory.</summary>
    public static Tensor ToF32(Tensor source)
    {
        if (source.DType == DType.F32)
            return source;
        Tensor copy = Tensor.OnHost(DType.F32, source.Shape.Extents);
        Widen(source, 0, copy.AsSpan<float>());
        return copy;
    }

    /// <summary>All elements of a tensor, widened, in row order.</summary>
    public static float[] ToArray(Tensor source)
    {
        var values = new float[checked((int)source.Shape.ElementCount)];
        Widen(source, 0, values);
        return values;
    }

    /// <summary>A tensor rounded to BF16, in memory of its own.</summary>
    public static Tensor ToBFloat16(Tensor source)
    {
        Tensor rounded = Tensor.OnHost(DType.BF16, source.Shape.Extents);
        Round(source, 0, rounded.AsSpan<ushort>());
        return rounded;
    }

    /// <summary>A tensor rounded to BF16 when it is first read.</summary>
    public static Tensor ToBFloat16Later(Tensor source)
    {
        DeferredStorage? storage = null;
        storage = new DeferredStorage(source.Shape.ElementCount * DType.BF16.SizeInBytes(), new DeferredWork(Make));
        return new Tensor(storage, DType.BF16, source.Shape, ownsStorage: true);

        unsafe void Make()
        {
            Round(source, 0, new Span<ushort>(storage!.Memory, checked((int)source.Shape.ElementCount)));
            source.Storage.Discard(source.ByteOffset, source.ByteLength);
        }
    }

    /// <summary>Widens elements of an F32, F16, BF16 or F64 host tensor, whatever its alignment.</summary>
    /// <param name="source">The tensor.</param>
    /// <param name="start">Its first element to read.</param>
    /// <param name="destination">As many elements as are wanted.</param>
    /// <exception cref="ArgumentException">The tensor holds integers.</exception>
    public static unsafe void Widen(Tensor source, long start, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, source.Shape.ElementCount - destination.Length);
        byte* first = source.HostPointer + (start * source.DType.SizeInBytes());
        switch (source.DType)
        {
            case DType.F32:
                new ReadOnlySpan<float>(first, destination.Length).CopyTo(destination);
                break;
            case DType.F16:
                var halves = new ReadOnlySpan<Half>(first, destination.Length);
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = (float)halves[i];
                break;
            case DType.BF16:
                var upper = new ReadOnlySpan<ushort>(first, destination.Length);
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = BFloat16.FromBits(upper[i]);
                break;
            case DType.F64:
                var doubles = new ReadOnlySpan<double>(first, destination.Length);
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = (float)doubles[i];
                break;
            default:
                throw new ArgumentException($"a {source} tensor does not hold model weights", nameof(source));
        }
    }

    /// <summary>Rounds elements of a tensor to BF16.</summary>
    /// <param name="source">The tensor.</param>
    /// <param name="start">Its first element to read.</param>
    /// <param name="bits">As many elements as are wanted.</param>
    public static void Round(Tensor source, long start, Span<ushort> bits)
    {
        var piece = new float[Math.Min(bits.Length, 1 << 16)];
        for (int first = 0; first < bits.Length; first += piece.Length)
        {
            Span<float> values = piece.AsSpan(0, Math.Min(piece.Length, bits.Length - first));
            Widen(source, start + first, values);
            for (int i = 0; i < values.Length; i++)
                bits[first + i] = BFloat16.ToBits(values[i]);
        }
    }
}
