namespace Kosmos2.Kernels;

/// <summary>How the numbers of a <see cref="KeyValueBlocks"/> are stored. Attention computes in F32 with any of them.</summary>
public enum CacheFormat
{
    /// <summary>As they were computed: 4 bytes each.</summary>
    Float32,

    /// <summary>Rounded to the nearest bfloat16, ties to even: 2 bytes each, an error of at most 2^-9 of the number.</summary>
    BFloat16,

    /// <summary>
    /// Integers from -127 to 127 with one scale for each token and head, the largest magnitude / 127: a byte each and 4 bytes a head, an error of at most
    /// half a scale. A row that holds an infinity or NaN reads as NaN.
    /// </summary>
    Int8,
}
