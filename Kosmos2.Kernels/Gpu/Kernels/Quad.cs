using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Four neighbouring floats, in registers.</summary>
internal readonly record struct Quad(float A, float B, float C, float D)
{
    private const int Bytes = 4 * sizeof(float);

    /// <summary>All four added.</summary>
    public float Sum => A + B + (C + D);

    /// <summary>The largest of them.</summary>
    public float Largest => XMath.Max(XMath.Max(A, B), XMath.Max(C, D));

    /// <summary>Four times the same.</summary>
    public static Quad Of(float value) => new(value, value, value, value);

    /// <summary>Four elements from an address that 16 divides, at once.</summary>
    public static Quad LoadWide(ArrayView<float> from, int index) => from.SubView(index, 4).AsAligned(Bytes).Cast<Quad>()[0];

    /// <summary>Stores them at an address that 16 divides, at once.</summary>
    public void StoreWide(ArrayView<float> to, int index) => to.SubView(index, 4).AsAligned(Bytes).Cast<Quad>()[0] = this;

    /// <summary>Sum of the products with another's.</summary>
    public float Dot(Quad other) => other.PlusDot(0, this);

    /// <summary>Each times a factor.</summary>
    public Quad Times(float factor) => new(A * factor, B * factor, C * factor, D * factor);

    /// <summary>This plus factor times other, a product and a sum at a time, as a loop over single floats has them.</summary>
    public Quad Plus(float factor, Quad other) =>
        new(A + (factor * other.A), B + (factor * other.B), C + (factor * other.C), D + (factor * other.D));

    /// <summary>This plus the sum over four factors of each times its row, in order.</summary>
    public Quad Plus(Quad factors, Quad row0, Quad row1, Quad row2, Quad row3) =>
        Plus(factors.A, row0).Plus(factors.B, row1).Plus(factors.C, row2).Plus(factors.D, row3);

    /// <summary>This plus the dot products of x with four others.</summary>
    public Quad PlusDots(Quad x, Quad row0, Quad row1, Quad row2, Quad row3) =>
        new(x.PlusDot(A, row0), x.PlusDot(B, row1), x.PlusDot(C, row2), x.PlusDot(D, row3));

    /// <summary>The exponentials of each minus the largest.</summary>
    public Quad Exponentials(float largest) => new(XMath.Exp(A - largest), XMath.Exp(B - largest), XMath.Exp(C - largest), XMath.Exp(D - largest));

    private float PlusDot(float sum, Quad other)
    {
        sum += A * other.A;
        sum += B * other.B;
        sum += C * other.C;
        return sum + (D * other.D);
    }
}
