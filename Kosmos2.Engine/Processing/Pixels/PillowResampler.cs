using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Kosmos2.Engine.Processing;

/// <summary>A part of a picture that is resized: columns from Left, rows from Top. May reach beyond the picture.</summary>
internal readonly record struct PixelWindow(int Left, int Top, int Width, int Height);

/// <summary>
/// Resizes 8-bit RGB pictures to the very bytes that Pillow gives: along one axis, rounded to bytes, then along the other, each output
/// <c>clip((2^21 + sum of weight * pixel) >> 22)</c>. Only a window of the result is made; where the window leaves it there is black.
/// </summary>
internal static class PillowResampler
{
    private const int Channels = 3;
    private const int Half = 1 << (AxisWeights.Precision - 1);

    /// <summary>Bytes that a vector load may reach beyond the end of a row.</summary>
    private const int Overread = 16;

    /// <summary>Resizes a picture and cuts a window out of the result.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="width">Width to resize to.</param>
    /// <param name="height">Height to resize to.</param>
    /// <param name="resample">Pillow's number of the filter, 0 to 5.</param>
    /// <param name="window">What to make of it.</param>
    /// <returns>Window height * window width * 3 bytes.</returns>
    /// <exception cref="ArgumentException">The picture between the two passes would not fit an array.</exception>
    public static byte[] Resize(RgbImage image, int width, int height, int resample, PixelWindow window)
    {
        byte[] output = Allocate(window.Width, window.Height);
        int left = Math.Max(window.Left, 0);
        int top = Math.Max(window.Top, 0);
        int columns = Math.Min(window.Left + window.Width, width) - left;
        int rows = Math.Min(window.Top + window.Height, height) - top;
        if (columns <= 0 || rows <= 0)
            return output;

        int stride = window.Width * Channels;
        Span<byte> target = output.AsSpan(((top - window.Top) * stride) + ((left - window.Left) * Channels));
        if (ResampleFilter.Of(resample) is not { } filter)
        {
            PickNearest(image, Picks(image.Width, width, left, columns), Picks(image.Height, height, top, rows), target, stride);
            return output;
        }
        var horizontal = new AxisWeights(filter, image.Width, width, left, columns);
        var vertical = new AxisWeights(filter, image.Height, height, top, rows);
        if (ColumnsFirst(image, width, height))
        {
            byte[] resized = Allocate(image.Width, rows);
            ResizeColumns(image.Pixels, image.Width * Channels, vertical, resized, image.Width * Channels);
            ResizeRows(resized, image.Width * Channels, horizontal, target, stride);
        }
        else
        {
            byte[] resized = Allocate(columns, image.Height);
            ResizeRows(image.Pixels, image.Width * Channels, horizontal, resized, columns * Channels);
            ResizeColumns(resized, columns * Channels, vertical, target, stride);
        }
        return output;
    }

    /// <summary>
    /// Which axis comes first shows in the result, since bytes are rounded in between. Pillow resizes rows first, but from version 13 on
    /// columns first when the height loses more than twice as many pixels as the width (a 3:4 portrait does not). The condition is inferred
    /// from the results of Pillow 13 on the reference pictures.
    /// </summary>
    private static bool ColumnsFirst(RgbImage image, int width, int height) =>
        image.Height > height && image.Height - height > 2L * (image.Width - width);

    private static byte[] Allocate(int width, int height)
    {
        long length = (long)width * height * Channels;
        return length <= Array.MaxLength
            ? new byte[length]
            : throw new ArgumentException($"resizing would need a picture of {width} x {height} pixels, which is too large");
    }

    /// <summary>The source position of each output, stepping from centre to centre as Pillow does.</summary>
    private static int[] Picks(int inSize, int outSize, int first, int count)
    {
        int[] picks = new int[count];
        double scale = (double)inSize / outSize;
        double centre = scale * 0.5;
        for (int i = 0; i < first + count; i++, centre += scale)
        {
            if (i >= first)
                picks[i - first] = Math.Min((int)centre, inSize - 1);
        }
        return picks;
    }

    private static void PickNearest(RgbImage image, int[] columns, int[] rows, Span<byte> target, int stride)
    {
        for (int y = 0; y < rows.Length; y++)
        {
            ReadOnlySpan<byte> source = image.Pixels.AsSpan(rows[y] * image.Width * Channels, image.Width * Channels);
            for (int x = 0; x < columns.Length; x++)
                source.Slice(columns[x] * Channels, Channels).CopyTo(target[((y * stride) + (x * Channels))..]);
        }
    }

    /// <summary>Resizes every row: [H, width bytes] to [H, outputs * 3 bytes], the rows of the target <paramref name="stride"/> bytes apart.</summary>
    private static void ResizeRows(ReadOnlySpan<byte> source, int width, AxisWeights weights, Span<byte> target, int stride)
    {
        byte[] row = new byte[width + Overread];
        int[] tripled = Triple(weights, out int taps);
        for (int y = 0; (y + 1) * (long)width <= source.Length; y++)
        {
            source.Slice(y * width, width).CopyTo(row);
            Span<byte> outputs = target.Slice(y * stride, weights.Count * Channels);
            for (int x = 0; x < weights.Count; x++)
                WeighRow(row.AsSpan(weights.Start(x) * Channels), tripled.AsSpan(x * taps, taps), weights.Weights(x).Length, outputs.Slice(x * Channels, Channels));
        }
    }

    /// <summary>Each weight three times, once a channel, and each output's weights filled up with zeros to a multiple of four pixels.</summary>
    private static int[] Triple(AxisWeights weights, out int stride)
    {
        stride = (weights.MaxTaps + 3) / 4 * 4 * Channels;
        int[] tripled = new int[checked(weights.Count * stride)];
        for (int x = 0; x < weights.Count; x++)
        {
            Span<int> target = tripled.AsSpan(x * stride, stride);
            ReadOnlySpan<int> source = weights.Weights(x);
            for (int i = 0; i < source.Length * Channels; i++)
                target[i] = source[i / Channels];
        }
        return tripled;
    }

    /// <summary>
    /// One output pixel of a row. Four pixels are twelve bytes: three vectors of four sums, whose lanes belong to R G B R, G B R G and B R G B.
    /// </summary>
    private static void WeighRow(ReadOnlySpan<byte> pixels, ReadOnlySpan<int> weights, int taps, Span<byte> output)
    {
        Vector128<int> a = Vector128<int>.Zero, b = a, c = a;
        ref byte pixel = ref MemoryMarshal.GetReference(pixels);
        ref int weight = ref MemoryMarshal.GetReference(weights);
        for (int i = 0; i < taps * Channels; i += 4 * Channels)
        {
            (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(Vector128.LoadUnsafe(ref pixel, (nuint)i));
            (Vector128<uint> first, Vector128<uint> second) = Vector128.Widen(low);
            a += first.AsInt32() * Vector128.LoadUnsafe(ref weight, (nuint)i);
            b += second.AsInt32() * Vector128.LoadUnsafe(ref weight, (nuint)i + 4);
            c += Vector128.WidenLower(high).AsInt32() * Vector128.LoadUnsafe(ref weight, (nuint)i + 8);
        }
        output[0] = ToByte(a[0] + a[3] + b[2] + c[1]);
        output[1] = ToByte(a[1] + b[0] + b[3] + c[2]);
        output[2] = ToByte(a[2] + b[1] + c[0] + c[3]);
    }

    /// <summary>Resizes every column: [H, width bytes] to [outputs, width bytes], the rows of the target <paramref name="stride"/> bytes apart.</summary>
    private static void ResizeColumns(ReadOnlySpan<byte> source, int width, AxisWeights weights, Span<byte> target, int stride)
    {
        int[] sums = new int[width];
        for (int y = 0; y < weights.Count; y++)
        {
            Array.Clear(sums);
            ReadOnlySpan<int> taps = weights.Weights(y);
            for (int t = 0; t < taps.Length; t++)
                AddRow(source.Slice((weights.Start(y) + t) * width, width), taps[t], sums);
            Span<byte> row = target.Slice(y * stride, width);
            for (int x = 0; x < width; x++)
                row[x] = ToByte(sums[x]);
        }
    }

    private static void AddRow(ReadOnlySpan<byte> row, int weight, Span<int> sums)
    {
        int x = 0;
        for (; x <= row.Length - 16; x += 16)
        {
            (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(Vector128.Create(row.Slice(x, 16)));
            Add(Vector128.WidenLower(low), sums.Slice(x, 4));
            Add(Vector128.WidenUpper(low), sums.Slice(x + 4, 4));
            Add(Vector128.WidenLower(high), sums.Slice(x + 8, 4));
            Add(Vector128.WidenUpper(high), sums.Slice(x + 12, 4));
        }
        for (; x < row.Length; x++)
            sums[x] += row[x] * weight;

        void Add(Vector128<uint> pixels, Span<int> target) => (Vector128.Create<int>(target) + (pixels.AsInt32() * weight)).CopyTo(target);
    }

    private static byte ToByte(int sum) => (byte)Math.Clamp((sum + Half) >> AxisWeights.Precision, 0, 255);
}
