using ILGPU;
using ILGPU.Algorithms;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// Eight elements of a row in a thread's registers, a group's width apart: i, i + step, ... Their loads are under way together, without a branch between them;
/// where the row has ended they read its last element, which counts for nothing.
/// </summary>
internal readonly record struct Octet(float A, float B, float C, float D, float E, float F, float G, float H)
{
    /// <summary>Elements of a thread.</summary>
    public const int Count = 8;

    /// <summary>Element i of a row and those after it.</summary>
    public static Octet Load(ArrayView<float> x, int start, int i, int step, int width) => new(
        At(x, start, i, width),
        At(x, start, i + step, width),
        At(x, start, i + (2 * step), width),
        At(x, start, i + (3 * step), width),
        At(x, start, i + (4 * step), width),
        At(x, start, i + (5 * step), width),
        At(x, start, i + (6 * step), width),
        At(x, start, i + (7 * step), width));

    /// <summary>Of those elements that lie in the row.</summary>
    public float Sum(int i, int step, int width)
    {
        float first = Kept(A, i, width) + Kept(B, i + step, width) + (Kept(C, i + (2 * step), width) + Kept(D, i + (3 * step), width));
        float second = Kept(E, i + (4 * step), width) + Kept(F, i + (5 * step), width) + (Kept(G, i + (6 * step), width) + Kept(H, i + (7 * step), width));
        return first + second;
    }

    /// <summary>The largest.</summary>
    public float Max() => XMath.Max(XMath.Max(XMath.Max(A, B), XMath.Max(C, D)), XMath.Max(XMath.Max(E, F), XMath.Max(G, H)));

    /// <summary>exp(this - largest).</summary>
    public Octet Exponential(float largest) => new(
        XMath.Exp(A - largest), XMath.Exp(B - largest), XMath.Exp(C - largest), XMath.Exp(D - largest),
        XMath.Exp(E - largest), XMath.Exp(F - largest), XMath.Exp(G - largest), XMath.Exp(H - largest));

    /// <summary>Less a number, squared.</summary>
    public Octet SquaredDistance(float from) => new(
        Square(A - from), Square(B - from), Square(C - from), Square(D - from), Square(E - from), Square(F - from), Square(G - from), Square(H - from));

    /// <summary>((this - mean) * factor * weight) + bias.</summary>
    public Octet Normalized(float mean, float factor, Octet weight, Octet bias) => new(
        ((A - mean) * factor * weight.A) + bias.A,
        ((B - mean) * factor * weight.B) + bias.B,
        ((C - mean) * factor * weight.C) + bias.C,
        ((D - mean) * factor * weight.D) + bias.D,
        ((E - mean) * factor * weight.E) + bias.E,
        ((F - mean) * factor * weight.F) + bias.F,
        ((G - mean) * factor * weight.G) + bias.G,
        ((H - mean) * factor * weight.H) + bias.H);

    /// <summary>Writes those elements that lie in the row.</summary>
    public void Store<TRows>(TRows y, int start, int i, int step, int width)
        where TRows : struct, IResultRows
    {
        StoreAt(y, start, i, width, A);
        StoreAt(y, start, i + step, width, B);
        StoreAt(y, start, i + (2 * step), width, C);
        StoreAt(y, start, i + (3 * step), width, D);
        StoreAt(y, start, i + (4 * step), width, E);
        StoreAt(y, start, i + (5 * step), width, F);
        StoreAt(y, start, i + (6 * step), width, G);
        StoreAt(y, start, i + (7 * step), width, H);
    }

    private static float At(ArrayView<float> x, int start, int i, int width) => x[start + Math.Min(i, width - 1)];

    private static float Kept(float value, int i, int width) => i < width ? value : 0;

    private static float Square(float x) => x * x;

    private static void StoreAt<TRows>(TRows y, int start, int i, int width, float value)
        where TRows : struct, IResultRows
    {
        if (i < width)
            y.Store(start + i, value);
    }
}
