namespace Kosmos2.Engine.Validation;

/// <summary>How far a value may lie from the reference b: Absolute + Relative * |b| + Scaled * rms(reference).</summary>
/// <param name="Absolute">Absolute part.</param>
/// <param name="Relative">Part proportional to the reference value.</param>
/// <param name="Scaled">Part proportional to the root mean square of the whole reference.</param>
public sealed record Tolerance(double Absolute, double Relative, double Scaled = 0)
{
    /// <summary>
    /// float32 against float32 whose sums run in another order. The last part is for residual streams: an element near zero still carries the
    /// rounding of the large ones it was summed with, and the float32 reference itself is off by as much from double precision.
    /// </summary>
    public static Tolerance Float32 { get; } = new(1e-5, 1e-4, 2e-6);

    /// <summary>float32 against a reference that was itself computed in bfloat16 (8 bits of mantissa, rounded at every operation).</summary>
    public static Tolerance BFloat16 { get; } = new(0, 0.03, 0.03);
}
