namespace Kosmos2.Engine.Processing;

/// <summary>
/// The weight of a source pixel at a distance from an output pixel's centre, in units of the larger of the two pixels: Pillow's filters, under
/// Pillow's numbers (preprocessor_config.json's resample).
/// </summary>
/// <param name="Support">The distance beyond which the weight is 0.</param>
/// <param name="Weight">The weight at a distance.</param>
internal sealed record ResampleFilter(double Support, Func<double, double> Weight)
{
    /// <summary>The number of the one way that does not weigh pixels but picks one.</summary>
    public const int Nearest = 0;

    /// <summary>The filter of a number; null for a number that Pillow does not have, or <see cref="Nearest"/>.</summary>
    public static ResampleFilter? Of(int resample) => resample switch
    {
        1 => new ResampleFilter(3, Lanczos),
        2 => new ResampleFilter(1, Bilinear),
        3 => new ResampleFilter(2, Bicubic),
        4 => new ResampleFilter(0.5, Box),
        5 => new ResampleFilter(1, Hamming),
        _ => null,
    };

    private static double Box(double x) => x is > -0.5 and <= 0.5 ? 1 : 0;

    private static double Bilinear(double x) => Math.Max(1 - Math.Abs(x), 0);

    private static double Hamming(double x)
    {
        x = Math.Abs(x);
        return x >= 1 ? 0 : Sinc(x) * (0.54 + (0.46 * Math.Cos(Math.PI * x)));
    }

    /// <summary>Keys' cubic convolution with a = -0.5.</summary>
    private static double Bicubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        if (x < 1)
            return ((((A + 2) * x) - (A + 3)) * x * x) + 1;
        return x < 2 ? ((((x - 5) * x) + 8) * x - 4) * A : 0;
    }

    private static double Lanczos(double x) => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0;

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);
}
