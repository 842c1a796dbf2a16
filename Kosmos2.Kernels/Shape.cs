using System.Globalization;

namespace Kosmos2.Kernels;

/// <summary>The extents of a tensor, outermost first. A scalar has no extents and one element.</summary>
public sealed class Shape : IEquatable<Shape>
{
    private readonly long[] _extents;

    /// <summary>Makes a shape; every extent must be at least 0 and the product must fit 63 bits.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An extent is negative.</exception>
    /// <exception cref="OverflowException">The product of the extents exceeds 2^63 - 1.</exception>
    public Shape(params ReadOnlySpan<long> extents)
    {
        _extents = extents.ToArray();
        ElementCount = 1;
        foreach (long extent in _extents)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(extents));
            ElementCount = checked(ElementCount * extent);
        }
    }

    /// <summary>Number of axes.</summary>
    public int Rank => _extents.Length;

    /// <summary>Product of the extents.</summary>
    public long ElementCount { get; }

    /// <summary>Extent of one axis; negative indices count from the end.</summary>
    public long this[int axis] => _extents[axis < 0 ? axis + Rank : axis];

    /// <summary>All extents, outermost first.</summary>
    public ReadOnlySpan<long> Extents => _extents;

    /// <summary>Extent of the innermost axis (1 for a scalar): the width of a row.</summary>
    public int Width => Rank == 0 ? 1 : checked((int)_extents[^1]);

    /// <summary>Number of rows of <see cref="Width"/> elements.</summary>
    public int Rows => Width == 0 ? 0 : checked((int)(ElementCount / Width));

    /// <inheritdoc/>
    public bool Equals(Shape? other) => other is not null && _extents.AsSpan().SequenceEqual(other._extents);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Shape);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (long extent in _extents)
            hash.Add(extent);
        return hash.ToHashCode();
    }

    /// <summary>As in <c>[2, 257, 1024]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", _extents.Select(e => e.ToString(CultureInfo.InvariantCulture)))}]";
}
