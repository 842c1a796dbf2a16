namespace Kosmos2.Engine.Processing;

/// <summary>Pictures as the vision encoder takes them: Hugging Face's pixel_values.</summary>
/// <param name="Values">[Images, 3, Height, Width], row-major: channels R, G, B, normalised.</param>
/// <param name="Images">Number of pictures.</param>
/// <param name="Height">Height of each.</param>
/// <param name="Width">Width of each.</param>
public sealed record PixelValues(float[] Values, int Images, int Height, int Width)
{
    /// <summary>Channels of a picture.</summary>
    public const int Channels = 3;

    /// <summary>One picture's values: [3, Height, Width].</summary>
    public ReadOnlySpan<float> this[int image] => Of(image);

    /// <summary>The same, to be written.</summary>
    internal Span<float> Of(int image) => Values.AsSpan(image * Channels * Height * Width, Channels * Height * Width);
}
