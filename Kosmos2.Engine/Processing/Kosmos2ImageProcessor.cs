using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Pictures to the numbers that the vision encoder takes, bit for bit as Hugging Face's CLIPImageProcessor on Pillow: resize, cut out the
/// middle, scale, normalise. Read-only; any number of threads may use one.
/// </summary>
public sealed class Kosmos2ImageProcessor
{
    /// <summary>Longest side of a picture: the weights of a resize take memory in proportion to it.</summary>
    public const int MaxSide = 1 << 20;

    /// <summary>Most pixels of a result, 16,384 x 16,384.</summary>
    private const long MaxOutputPixels = 1L << 28;

    private readonly PreprocessorConfig _config;

    /// <summary>The float of each byte, for each channel: [3, 256].</summary>
    private readonly float[] _floats;

    /// <summary>The same of a byte that stands for a fraction of 255.</summary>
    private readonly float[] _fractions;

    /// <summary>Makes a processor.</summary>
    /// <param name="config">The model's preprocessor_config.json; null for the published model's settings: 224 x 224, bicubic.</param>
    /// <exception cref="ArgumentException">The settings name no filter of Pillow's, or not three channels.</exception>
    public Kosmos2ImageProcessor(PreprocessorConfig? config = null)
    {
        _config = config ?? new PreprocessorConfig();
        if (_config.Resample is < 0 or > 5)
            throw new ArgumentException($"there is no filter {_config.Resample}; resample is 0 to 5", nameof(config));
        if (_config.ImageMean.Count != PixelValues.Channels || _config.ImageStd.Count != PixelValues.Channels)
            throw new ArgumentException("image_mean and image_std need a number for each of three channels", nameof(config));
        _floats = FloatsOfBytes(value => value);
        _fractions = FloatsOfBytes(value => (float)(value * (1 / 255.0)));
    }

    /// <summary>The size that every picture comes out in; null where that is up to the picture.</summary>
    internal (int Height, int Width)? OutputSize => _config.OutputSize;

    /// <summary>Makes the pixel values of one or more pictures.</summary>
    /// <param name="images">The pictures, of any sizes.</param>
    /// <returns>[images, 3, height, width].</returns>
    /// <exception cref="ArgumentException">
    /// There is no picture, one is longer than <see cref="MaxSide"/> or becomes too large, or the pictures come out in different sizes, which they
    /// can only do without a crop.
    /// </exception>
    public PixelValues Process(params ReadOnlySpan<RgbImage> images)
    {
        var plans = new ResizePlan[images.Length];
        for (int i = 0; i < plans.Length; i++)
            plans[i] = Plan(images[i] ?? throw new ArgumentNullException(nameof(images)));
        PixelValues batch = Allocate(plans);
        for (int i = 0; i < plans.Length; i++)
            Normalise(Resize(images[i], plans[i]), _floats, batch.Of(i));
        return batch;
    }

    /// <summary>
    /// Makes the pixel values of pictures that are arrays of floats, step by step as Hugging Face does: to be resized, values become bytes
    /// (<see cref="FloatImage.ToRgb()"/>) and afterwards fractions again if they were fractions; whether they are then rescaled is up to do_rescale alone. Without a resize
    /// they stay floats throughout.
    /// </summary>
    /// <param name="images">The pictures, of any sizes. Of values from 0 to 1 only with do_rescale off, or they are scaled twice, as in Hugging Face.</param>
    /// <returns>[images, 3, height, width].</returns>
    /// <exception cref="ArgumentException">As for the pictures of bytes; or values cannot be made bytes.</exception>
    public PixelValues Process(params ReadOnlySpan<FloatImage> images)
    {
        var plans = new ResizePlan[images.Length];
        for (int i = 0; i < plans.Length; i++)
            plans[i] = Plan((images[i] ?? throw new ArgumentNullException(nameof(images))).Width, images[i].Height);
        PixelValues batch = Allocate(plans);
        for (int i = 0; i < plans.Length; i++)
        {
            if (_config.DoResize)
                Normalise(Resize(images[i].ToRgb(out bool fractions), plans[i]), fractions ? _fractions : _floats, batch.Of(i));
            else
                Normalise(images[i], plans[i].Window, batch.Of(i));
        }
        return batch;
    }

    /// <summary>The picture as the model sees it, before its bytes become floats.</summary>
    /// <param name="image">The picture, of any size.</param>
    /// <exception cref="ArgumentException">As for <see cref="Process(ReadOnlySpan{RgbImage})"/>.</exception>
    public RgbImage Resize(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        ResizePlan plan = Plan(image);
        return new RgbImage(plan.Window.Width, plan.Window.Height, Resize(image, plan));
    }

    private byte[] Resize(RgbImage image, ResizePlan plan) => PillowResampler.Resize(image, plan.Width, plan.Height, _config.Resample, plan.Window);

    private ResizePlan Plan(RgbImage image) => Plan(image.Width, image.Height);

    /// <summary>What a picture is resized to, and which part of that is wanted.</summary>
    private ResizePlan Plan(long width, long height)
    {
        if (Math.Max(width, height) > MaxSide)
            throw new ArgumentException($"a picture of {width} x {height} pixels is too long; at most {MaxSide} pixels a side are supported");
        (long toWidth, long toHeight) = (width, height);
        if (_config.DoResize && _config.Size.ShortestEdge is { } edge)
        {
            // As Hugging Face: the other side is cut to an integer, not rounded.
            (toWidth, toHeight) = width <= height ? ((long)edge, (long)((double)edge * height / width)) : ((long)((double)edge * width / height), edge);
        }
        else if (_config.DoResize)
        {
            (toWidth, toHeight) = (_config.Size.Width, _config.Size.Height);
        }
        (long outWidth, long outHeight) = _config.DoCenterCrop ? (_config.CropWidth, _config.CropHeight) : (toWidth, toHeight);
        if (Math.Max(toWidth, toHeight) > int.MaxValue || Math.Max(outWidth, outHeight) > MaxSide || outWidth * outHeight > MaxOutputPixels)
            throw new ArgumentException($"a picture of {width} x {height} pixels would become {outWidth} x {outHeight}, which is too large");
        var window = new PixelWindow(Middle(toWidth, outWidth), Middle(toHeight, outHeight), (int)outWidth, (int)outHeight);
        return new ResizePlan((int)toWidth, (int)toHeight, window);

        // Floored, so that of an odd margin the larger half lies behind, and of an odd border before.
        static int Middle(long size, long part) => (int)((size - part) >> 1);
    }

    /// <summary>Room for a batch of pictures of one size.</summary>
    private static PixelValues Allocate(ResizePlan[] plans)
    {
        if (plans.Length == 0)
            throw new ArgumentException("there is no picture");
        (int width, int height) = (plans[0].Window.Width, plans[0].Window.Height);
        int other = Array.FindIndex(plans, plan => (plan.Window.Width, plan.Window.Height) != (width, height));
        if (other >= 0)
            throw new ArgumentException($"picture {other} comes out at {plans[other].Window.Width} x {plans[other].Window.Height} pixels and the first at {width} x {height}; pictures of one batch need one size");
        if ((long)plans.Length * PixelValues.Channels * width * height > Array.MaxLength)
            throw new ArgumentException($"{plans.Length} pictures of {width} x {height} pixels are too many for one batch");
        return new PixelValues(new float[plans.Length * PixelValues.Channels * width * height], plans.Length, height, width);
    }

    /// <summary>Bytes [H, W, 3] to floats [3, H, W].</summary>
    private static void Normalise(ReadOnlySpan<byte> pixels, float[] table, Span<float> values)
    {
        int count = pixels.Length / PixelValues.Channels;
        for (int channel = 0; channel < PixelValues.Channels; channel++)
        {
            ReadOnlySpan<float> floats = table.AsSpan(channel * 256, 256);
            Span<float> plane = values.Slice(channel * count, count);
            for (int i = 0; i < plane.Length; i++)
                plane[i] = floats[pixels[(i * PixelValues.Channels) + channel]];
        }
    }

    /// <summary>A window of a picture of floats, black outside, to floats [3, H, W].</summary>
    private void Normalise(FloatImage image, PixelWindow window, Span<float> values)
    {
        for (int channel = 0, i = 0; channel < PixelValues.Channels; channel++)
        {
            for (int y = window.Top; y < window.Top + window.Height; y++)
            {
                for (int x = window.Left; x < window.Left + window.Width; x++)
                {
                    bool inside = (uint)x < (uint)image.Width && (uint)y < (uint)image.Height;
                    values[i++] = Normalise(inside ? image[channel, y, x] : 0, channel);
                }
            }
        }
    }

    /// <summary>
    /// The float step of one value. Scaling is done in double and rounded, normalisation in single with single constants; any other order differs
    /// in the last bit.
    /// </summary>
    private float Normalise(float value, int channel)
    {
        float scaled = _config.DoRescale ? (float)(value * _config.RescaleFactor) : value;
        return _config.DoNormalize ? (scaled - (float)_config.ImageMean[channel]) / (float)_config.ImageStd[channel] : scaled;
    }

    /// <summary>The float step of all 256 bytes, for each channel.</summary>
    private float[] FloatsOfBytes(Func<int, float> value) =>
        [.. Enumerable.Range(0, PixelValues.Channels * 256).Select(i => Normalise(value(i % 256), i / 256))];

    private readonly record struct ResizePlan(int Width, int Height, PixelWindow Window);
}
