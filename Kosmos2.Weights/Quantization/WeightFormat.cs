namespace Kosmos2.Weights;

/// <summary>A type that weights can be brought to.</summary>
public enum WeightFormat
{
    /// <summary>As they are stored.</summary>
    Stored,

    /// <summary>bfloat16, rounded to nearest.</summary>
    BFloat16,

    /// <summary>8-bit integers with one scale a row.</summary>
    Int8,

    /// <summary>4-bit integers with a scale for each group of a row.</summary>
    Int4,
}
