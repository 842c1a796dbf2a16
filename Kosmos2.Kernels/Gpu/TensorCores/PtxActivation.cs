using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>The activations in single precision, by the formulas of <see cref="Kernels.DeviceActivation"/>.</summary>
internal static class PtxActivation
{
    private const float Log2E = 1.44269504f;

    // The lower tail of the normal distribution, from the highest power down; see DeviceActivation.
    private static readonly float[] Polynomial =
    [
        6.367594904e-5f, 3.842359564e-5f, -5.879843794e-4f, -8.224385247e-4f, 3.061768759e-3f, 6.472154450e-3f, -2.150576011e-2f, -3.644123516e-2f,
        2.794717803e-1f, -6.871607193e-1f, 1.021582709f,
    ];

    /// <summary>Applies the activation whose number stands in a register, the same in all threads.</summary>
    public static void Apply(PtxText text, string activation, string[] values)
    {
        string done = text.NewLabel("ACTIVATED");
        Case(text, activation, Activation.Gelu, values, done, Gelu);
        Case(text, activation, Activation.QuickGelu, values, done, QuickGelu);
        Case(text, activation, Activation.Relu, values, done, Relu);
        text.Label(done);
    }

    private static void Case(PtxText text, string activation, Activation which, string[] values, string done, Func<PtxText, string, string> apply)
    {
        string other = text.NewLabel("OTHER");
        text.When(text.Predicate("setp.ne.s32", activation, (int)which), "bra", other);
        foreach (string value in values)
            text.Do("mov.f32", value, apply(text, value));
        text.Do("bra", done);
        text.Label(other);
    }

    // Not by max, which makes a number of what is none.
    private static string Relu(PtxText text, string x) => text.F32("selp.f32", Constant(0), x, text.Predicate("setp.lt.f32", x, Constant(0)));

    private static string Gelu(PtxText text, string x)
    {
        string a = text.F32("min.f32", text.F32("abs.f32", x), Constant(15));
        string u = text.F32("rcp.approx.f32", text.F32("fma.rn.f32", a, Constant(0.707106781f), Constant(2)));
        string v = text.F32("fma.rn.f32", u, Constant(-4), Constant(1));
        string p = Constant(Polynomial[0]);
        foreach (float coefficient in Polynomial.AsSpan(1))
            p = text.F32("fma.rn.f32", p, v, Constant(coefficient));
        // e^(-a^2 / 2) as a power of 2.
        string power = text.F32("ex2.approx.f32", text.F32("mul.f32", text.F32("mul.f32", a, a), Constant(-0.5f * Log2E)));
        string tail = text.F32("mul.f32", text.F32("mul.f32", text.F32("mul.f32", u, Constant(0.5f)), p), power);
        string below = text.Predicate("setp.lt.f32", x, Constant(0));
        string share = text.F32("selp.f32", tail, text.F32("sub.f32", Constant(1), tail), below);
        return text.F32("mul.f32", x, share);
    }

    private static string QuickGelu(PtxText text, string x)
    {
        string power = text.F32("ex2.approx.f32", text.F32("mul.f32", x, Constant(-1.702f * Log2E)));
        return text.F32("div.approx.f32", x, text.F32("add.f32", power, Constant(1)));
    }
}
