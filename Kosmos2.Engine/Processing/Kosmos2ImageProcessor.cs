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
        _floats = Floats(_config);
    }

    /// <summary>Makes the pixel values of one or more pictures.</summary>
    /// <param name="images">The pictures, of any sizes.</param>
    /// <returns>[images, 3, height, width].</returns>
    /// <exception cref="ArgumentException">
    /// There is no picture, one is longer than <see cref="MaxSide"/> or becomes too large, or the pictures come out in different sizes, which they
    /// can only do without a crop.
    /// </exception>
    public PixelValues Process(params ReadOnlySpan<RgbImage> images)
    {
        if (images.IsEmpty)
            throw new ArgumentException("there is no picture", nameof(images));
        (int _, int _, PixelWindow first) = Plan(images[0]);
        int pixels = first.Width * first.Height;
        if ((long)images.Length * PixelValues.Channels * pixels > Array.MaxLength)
            throw new ArgumentException($"{images.Length} pictures of {first.Width} x {first.Height} pixels are too many for one batch", nameof(images));
        float[] values = new float[images.Length * PixelValues.Channels * pixels];
        for (int i = 0; i < images.Length; i++)
        {
            (int width, int height, PixelWindow window) = Plan(images[i]);
            if ((window.Width, window.Height) != (first.Width, first.Height))
                throw new ArgumentException($"picture {i} comes out at {window.Width} x {window.Height} pixels and the first at {first.Width} x {first.Height}; pictures of one batch need one size", nameof(images));
            byte[] resized = PillowResampler.Resize(images[i], width, height, _config.Resample, window);
            Normalise(resized, values.AsSpan(i * PixelValues.Channels * pixels, PixelValues.Channels * pixels));
        }
        return new PixelValues(values, images.Length, first.Height, first.Width);
    }

    /// <summary>The picture as the model sees it, before its bytes become floats.</summary>
    /// <param name="image">The picture, of any size.</param>
    /// <exception cref="ArgumentException">As for <see cref="Process"/>.</exception>
    public RgbImage Resize(RgbImage image)
    {
        (int width, int height, PixelWindow window) = Plan(image);
        return new RgbImage(window.Width, window.Height, PillowResampler.Resize(image, width, height, _config.Resample, window));
    }

    /// <summary>What the picture is resized to, and which part of that is wanted.</summary>
    private (int Width, int Height, PixelWindow Window) Plan(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (Math.Max(image.Width, image.Height) > MaxSide)
            throw new ArgumentException($"a picture of {image.Width} x {image.Height} pixels is too long; at most {MaxSide} pixels a side are supported", nameof(image));
        (long width, long height) = (image.Width, image.Height);
        if (_config.DoResize && _config.Size.ShortestEdge is { } edge)
        {
            // As Hugging Face: the other side is cut to an integer, not rounded.
            (width, height) = width <= height ? ((long)edge, (long)((double)edge * height / width)) : ((long)((double)edge * width / height), edge);
        }
        else if (_config.DoResize)
        {
            (width, height) = (_config.Size.Width, _config.Size.Height);
        }
        (long outWidth, long outHeight) = _config.DoCenterCrop ? (_config.CropWidth, _config.CropHeight) : (width, height);
        if (Math.Max(width, height) > int.MaxValue || Math.Max(outWidth, outHeight) > MaxSide || outWidth * outHeight > MaxOutputPixels)
            throw new ArgumentException($"a picture of {image.Width} x {image.Height} pixels would become {outWidth} x {outHeight}, which is too large", nameof(image));
        var window = new PixelWindow(Middle(width, outWidth), Middle(height, outHeight), (int)outWidth, (int)outHeight);
        return ((int)width, (int)height, window);

        // Floored, so that of an odd margin the larger half lies behind, and of an odd border before.
        static int Middle(long size, long part) => (int)((size - part) >> 1);
    }

    /// <summary>Bytes [H, W, 3] to floats [3, H, W].</summary>
    private void Normalise(ReadOnlySpan<byte> pixels, Span<float> values)
    {
        int count = pixels.Length / PixelValues.Channels;
        for (int channel = 0; channel < PixelValues.Channels; channel++)
        {
            ReadOnlySpan<float> floats = _floats.AsSpan(channel * 256, 256);
            Span<float> plane = values.Slice(channel * count, count);
            for (int i = 0; i < plane.Length; i++)
                plane[i] = floats[pixels[(i * PixelValues.Channels) + channel]];
        }
    }

    /// <summary>
    /// The float step of all 256 bytes. Scaling is done in double and rounded, normalisation in single with single constants; any other order
    /// differs in the last bit.
    /// </summary>
    private static float[] Floats(PreprocessorConfig config)
    {
        float[] floats = new float[PixelValues.Channels * 256];
        for (int i = 0; i < floats.Length; i++)
        {
            (int channel, int value) = Math.DivRem(i, 256);
            float scaled = config.DoRescale ? (float)(value * config.RescaleFactor) : value;
            floats[i] = config.DoNormalize ? (scaled - (float)config.ImageMean[channel]) / (float)config.ImageStd[channel] : scaled;
        }
        return floats;
    }
}
