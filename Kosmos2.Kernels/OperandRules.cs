using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Kosmos2.Kernels;

/// <summary>Single rules for <see cref="OperandChecks"/>, each with its message: what was found, what was expected.</summary>
internal static class OperandRules
{
    public static void Require(bool holds, object found, string expected, [CallerArgumentExpression(nameof(found))] string name = "")
    {
        if (!holds)
            ThrowUnexpected(found.ToString(), expected, name);
    }

    public static void Require(
        bool holds,
        object found,
        [InterpolatedStringHandlerArgument(nameof(holds))] ref Expectation expected,
        [CallerArgumentExpression(nameof(found))] string name = "")
    {
        if (!holds)
            ThrowUnexpected(found.ToString(), expected.ToString(), name);
    }

    public static void Count(Tensor tensor, long elements, [CallerArgumentExpression(nameof(tensor))] string name = "") =>
        Require(tensor.Shape.ElementCount == elements, tensor, $"{elements} elements", name);

    public static void SameLength(Tensor tensor, long bytes, [CallerArgumentExpression(nameof(tensor))] string name = "") =>
        Require(tensor.ByteLength == bytes, tensor, $"the {bytes} bytes of the other side, not {tensor.ByteLength}", name);

    public static void SameCount(int layers, int outputs)
    {
        if (layers != outputs)
            ThrowUnexpected($"{outputs} tensors", $"one for each of {layers} layers", "y");
    }

    public static void Known(Activation activation)
    {
        if (activation is < Activation.Identity or > Activation.Relu)
            ThrowUnexpected(activation.ToString(), "an activation of the list", nameof(activation));
    }

    /// <summary>The tensors share no byte.</summary>
    public static void Apart(Tensor written, Tensor read, [CallerArgumentExpression(nameof(written))] string name = "")
    {
        if (Overlap(written, read))
            ThrowUnexpected(written.ToString(), "memory that no other operand uses", name);
    }

    /// <summary>The tensors are the same bytes, or share none.</summary>
    public static void SameOrApart(Tensor written, Tensor read, [CallerArgumentExpression(nameof(written))] string name = "")
    {
        if (written.ByteOffset != read.ByteOffset && Overlap(written, read))
            ThrowUnexpected(written.ToString(), "exactly the other operand's memory or none of it", name);
    }

    /// <summary>Every number of a section lies below the count of what it indexes; that none is negative is known already.</summary>
    public static void Below(int largest, long count, string what, string of)
    {
        if (largest >= count)
            ThrowOutside(largest, count, what, of);
    }

    public static void Inside(int index, long count, string what, string of)
    {
        if (index < 0 || index >= count)
            ThrowOutside(index, count, what, of);
    }

    public static void NotAlso(int destination, int other, string what)
    {
        if (destination == other)
            ThrowUnexpected($"block {destination}", $"a destination that is not {what}", "pairs");
    }

    [DoesNotReturn]
    public static void ThrowShape(Tensor found, long rows, long width, string name) => ThrowUnexpected(found.ToString(), $"F32 [{rows}, {width}]", name);

    [DoesNotReturn]
    public static void ThrowElsewhere(Tensor found, string device, string name) =>
        ThrowUnexpected($"{found} in {found.Storage.GetType().Name}", $"memory of the backend {device}, not freed", name);

    [DoesNotReturn]
    public static void ThrowForeignWeight(PreparedWeight found, string device) =>
        ThrowUnexpected($"{found.GetType().Name} {found.Shape}", $"a weight prepared by the backend {device}, not freed", "weight");

    [DoesNotReturn]
    public static void ThrowForeignCache(string device, string name) =>
        ThrowUnexpected("a cache with another order of keys", $"one made for the backend {device}", name);

    [DoesNotReturn]
    public static void ThrowUnexpected(string? found, string expected, string name) =>
        throw new ArgumentException($"found {found}, expected {expected}", name);

    [DoesNotReturn]
    private static void ThrowOutside(int index, long count, string what, string of) =>
        throw new ArgumentException($"{what} is {index}, but there are {count} {of}");

    private static bool Overlap(Tensor a, Tensor b) =>
        ReferenceEquals(a.Storage, b.Storage) && a.ByteOffset < b.ByteOffset + b.ByteLength && b.ByteOffset < a.ByteOffset + a.ByteLength;

    /// <summary>A message that is only put together when its rule does not hold.</summary>
    [InterpolatedStringHandler]
    internal ref struct Expectation
    {
        private DefaultInterpolatedStringHandler _text;

        public Expectation(int literalLength, int formattedCount, bool holds, out bool wanted)
        {
            wanted = !holds;
            _text = wanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public override string ToString() => _text.ToStringAndClear();
    }
}
