namespace Kosmos2.Engine;

/// <summary>Where an array keeps the channels of a picture. Hugging Face's input_data_format.</summary>
public enum ChannelOrder
{
    /// <summary>[3, height, width]: a plane for each channel. Hugging Face's channels_first.</summary>
    First,

    /// <summary>[height, width, 3]: R, G, B of each pixel in turn. Hugging Face's channels_last.</summary>
    Last,
}

/// <summary>
/// A picture as an array of floats, as numpy and PyTorch hand them on: from 0 to 1, or whole numbers from 0 to 255.
/// <see cref="Processing.Kosmos2ImageProcessor"/> takes it as Hugging Face takes such an array; <see cref="ToRgb()"/> makes the 8-bit picture that everything
/// else takes.
/// </summary>
public sealed class FloatImage
{
    private const int Channels = 3;

    /// <summary>Wraps an array; it is not copied.</summary>
    /// <param name="values">The values, row-major.</param>
    /// <param name="first">First extent of the array.</param>
    /// <param name="second">Second extent.</param>
    /// <param name="third">Third extent.</param>
    /// <param name="order">
    /// Where the channels are. Null to find out: the first or the last extent is 3. Where both are, Hugging Face warns and takes the first; here it must be
    /// said.
    /// </param>
    /// <exception cref="ArgumentException">The extents do not hold three channels or do not fit the values, or the order must be said.</exception>
    public FloatImage(float[] values, int first, int second, int third, ChannelOrder? order = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        string shape = $"[{first}, {second}, {third}]";
        if (first < 1 || second < 1 || third < 1 || (long)first * second != values.Length / third || values.Length % third != 0)
            throw new ArgumentException($"an array of shape {shape} does not have {values.Length} values", nameof(values));
        if (order is null && first == Channels && third == Channels)
            throw new ArgumentException($"an array of shape {shape} may have its channels first or last; say which ({nameof(ChannelOrder)})", nameof(order));
        Order = order ?? (first == Channels ? ChannelOrder.First : ChannelOrder.Last);
        if ((Order == ChannelOrder.First ? first : third) != Channels)
            throw new ArgumentException($"an array of shape {shape} does not have its three channels {(order is null ? "first or last" : Order == ChannelOrder.First ? "first" : "last")}", nameof(values));
        (Height, Width) = Order == ChannelOrder.First ? (second, third) : (first, second);
        Values = values;
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Where <see cref="Values"/> keeps the channels.</summary>
    public ChannelOrder Order { get; }

    /// <summary>The values.</summary>
    public float[] Values { get; }

    /// <summary>
    /// The picture in bytes, as Hugging Face makes them before it resizes: of numbers from 0 to 1, 255 times their value, cut to an integer; whole numbers from
    /// 0 to 255 as they are. With a resize the outcome is that of Hugging Face's processor, bit for bit, when it is told not to rescale values from 0 to 1.
    /// </summary>
    /// <exception cref="ArgumentException">The values are neither.</exception>
    public RgbImage ToRgb() => ToRgb(out _);

    /// <summary>The same.</summary>
    /// <param name="fractions">Whether the values were numbers from 0 to 1.</param>
    internal RgbImage ToRgb(out bool fractions)
    {
        fractions = AreFractions();
        byte[] pixels = new byte[Values.Length];
        float scale = fractions ? 255 : 1;
        for (int y = 0, i = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                for (int channel = 0; channel < Channels; channel++, i++)
                    pixels[i] = (byte)(float)((double)this[channel, y, x] * scale);
            }
        }
        return new RgbImage(Width, Height, pixels);
    }

    /// <summary>One value.</summary>
    internal float this[int channel, int y, int x] =>
        Values[Order == ChannelOrder.First ? (((channel * Height) + y) * Width) + x : (((y * Width) + x) * Channels) + channel];

    // Whole numbers are told by numpy's allclose, so a picture of zeros and ones only counts as bytes, as in Hugging Face.
    private bool AreFractions()
    {
        bool whole = true;
        float least = float.PositiveInfinity, most = float.NegativeInfinity;
        foreach (float value in Values)
        {
            if (!float.IsFinite(value))
                throw new ArgumentException($"a picture's values must be finite numbers, and one is {value}");
            double integer = Math.Truncate(value);
            whole &= Math.Abs(value - integer) <= 1e-8 + (1e-5 * Math.Abs(integer));
            least = Math.Min(least, value);
            most = Math.Max(most, value);
        }
        float limit = whole ? 255 : 1;
        if (!(least >= 0 && most <= limit))
            throw new ArgumentException($"a picture's values must be fractions from 0 to 1 or whole numbers from 0 to 255; these go from {least} to {most}{(whole ? "" : " and are not whole")}");
        return !whole;
    }
}
