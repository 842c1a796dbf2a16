using Kosmos2.Kernels;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels;

/// <summary>The parts of a quantized matrix are held against each other, and its rows are read as the format says.</summary>
internal sealed class QuantizedMatrixTests
{
    [Test]
    public void RowsAreReadAsTheFormatSays()
    {
        // Two rows of ten: a whole word and a quarter, groups of 4, 4 and 2.
        sbyte[] integers = [.. Enumerable.Range(0, 20).Select(i => (sbyte)((i % 16) - 8))];
        using QuantizedMatrix matrix = Samples.Quantized(integers, 4, 2, 10, 4, [1, 2, 3, 4, 5, 6], [0, 1, 2, 3, -8, 7]);
        var row = new float[10];
        matrix.ReadRow(1, row);
        Assert.That(row, Is.EqualTo(new float[] { -4, 0, 4, 8, 70, 75, -0f, 5, -78, -72 }));
        Assert.That((matrix.Groups, matrix.ByteLength), Is.EqualTo((3, 16 + 24 + 6)));
    }

    [Test]
    public void PartsThatDoNotFitAreRefused()
    {
        using Tensor values = Tensor.OnHost(DType.I8, 3, 40), words = Tensor.OnHost(DType.I32, 3, 5), scales = Tensor.OnHost(DType.F32, 3, 2);
        using Tensor zeros = Tensor.OnHost(DType.I8, 3, 2), halves = Tensor.OnHost(DType.F16, 3, 2), narrow = Tensor.OnHost(DType.I32, 3, 4);
        var shape = new Shape(3, 40);
        Assert.Multiple(() =>
        {
            Assert.That(() => new QuantizedMatrix(shape, 8, 32, values, scales, zeros), Throws.Nothing);
            Assert.That(() => new QuantizedMatrix(shape, 4, 32, words, scales, zeros), Throws.Nothing);
            Assert.That(() => new QuantizedMatrix(shape, 4, 32, values, scales), Throws.ArgumentException, "bytes for nibbles");
            Assert.That(() => new QuantizedMatrix(shape, 4, 32, narrow, scales), Throws.ArgumentException, "a word too few");
            Assert.That(() => new QuantizedMatrix(shape, 8, 16, values, scales), Throws.ArgumentException, "a scale too few");
            Assert.That(() => new QuantizedMatrix(shape, 8, 32, values, halves), Throws.ArgumentException, "scales in half precision");
            Assert.That(() => new QuantizedMatrix(shape, 8, 40, values, scales, zeros), Throws.ArgumentException, "a scale too many");
            Assert.That(() => new QuantizedMatrix(shape, 8, 41, values, scales), Throws.ArgumentException, "a group wider than a row");
            Assert.That(() => new QuantizedMatrix(shape, 8, 0, values, scales), Throws.ArgumentException, "no group");
            Assert.That(() => new QuantizedMatrix(shape, 2, 32, values, scales), Throws.ArgumentException, "two bits");
            Assert.That(() => new QuantizedMatrix(new Shape(3, 40, 1), 8, 32, values, scales), Throws.ArgumentException, "three axes");
        });
    }
}
