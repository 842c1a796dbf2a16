using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>The activations in single precision, for kernels.</summary>
internal static class DeviceActivation
{
    /// <param name="activation">An <see cref="Activation"/>; a number, since kernels take no enums from tables.</param>
    /// <param name="x">The argument.</param>
    public static float Apply(int activation, float x)
    {
        if (activation == (int)Activation.Gelu)
            return x * NormalCumulative(x);
        if (activation == (int)Activation.QuickGelu)
            return x / (1 + XMath.Exp(-1.702f * x));
        if (activation == (int)Activation.Relu)
            return x < 0 ? 0 : x;
        return x;
    }

    /// <summary>
    /// (1 + erf(x / sqrt 2)) / 2, by erfc(t) = e^(-t^2) P(1 - 4 / (t + 2)) / (t + 2) for t at least 0, which keeps the lower tail's relative
    /// precision. P has degree 10 and is the CPU kernels' (relative error 5.6e-9 before rounding).
    /// </summary>
    private static float NormalCumulative(float x)
    {
        // Beyond 15 the lower tail is 0 as a float.
        float a = XMath.Min(15f, XMath.Abs(x));
        float u = 1 / ((a * 0.707106781f) + 2);
        float v = 1 - (4 * u);
        float p = 6.367594904e-5f;
        p = (p * v) + 3.842359564e-5f;
        p = (p * v) - 5.879843794e-4f;
        p = (p * v) - 8.224385247e-4f;
        p = (p * v) + 3.061768759e-3f;
        p = (p * v) + 6.472154450e-3f;
        p = (p * v) - 2.150576011e-2f;
        p = (p * v) - 3.644123516e-2f;
        p = (p * v) + 2.794717803e-1f;
        p = (p * v) - 6.871607193e-1f;
        p = (p * v) + 1.021582709f;
        float tail = 0.5f * u * p * XMath.Exp(-0.5f * a * a);
        return x < 0 ? tail : 1 - tail;
    }
}
