using Kosmos2.Kernels;
using Kosmos2.Kernels.Reference;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels;

/// <summary>The oracle against numbers worked out by hand or taken from tables.</summary>
public sealed class ReferenceTests
{
    private Workbench _bench = null!;

    [SetUp]
    public void OpenBench() => _bench = new Workbench(new ReferenceBackend());

    [TearDown]
    public void CloseBench() => _bench.Dispose();

    // Values of erf to 16 digits: NIST Digital Library of Mathematical Functions, 7.
    [TestCase(0, 0)]
    [TestCase(0.5, 0.5204998778130465)]
    [TestCase(1, 0.8427007929497149)]
    [TestCase(2, 0.9953222650189527)]
    [TestCase(3, 0.9999779095030014)]
    [TestCase(-1, -0.8427007929497149)]
    [TestCase(7, 1)]
    [TestCase(double.NegativeInfinity, -1)]
    public void ErfIsThatOfTheTables(double x, double expected) => Assert.That(ReferenceActivation.Erf(x), Is.EqualTo(expected).Within(4e-16));

    [Test]
    public void LinearNormalisesMultipliesAndAdds()
    {
        // x - mean = (-1, 1), variance 1: norm(x) = (-1, 1) * (2, 3) + (0.5, 0) = (-1.5, 3).
        var norm = new LayerNormParameters(_bench.Floats([2, 3], 2), _bench.Floats([0.5f, 0], 2), 0);
        var layer = new LinearParameters(_bench.Weight([1, 0, 1, 2], DType.F32, 2, 2), _bench.Floats([10, -20], 2));
        Tensor y = _bench.Result(1, 2);
        _bench.Backend.Linear(_bench.Floats([4, 6], 1, 2), layer, y, Activation.Relu, _bench.Floats([100, 200], 1, 2), norm);
        // W norm(x) + b = (-1.5 + 10, 4.5 - 20) = (8.5, -15.5); relu; + residual.
        Assert.That(_bench.Read(y), Is.EqualTo(new[] { 108.5f, 200 }));
    }

    [Test]
    public void L2NormalizeDividesByTheLength()
    {
        Tensor y = _bench.Result(1, 2);
        _bench.Backend.L2Normalize(_bench.Floats([3, -4], 1, 2), y);
        Assert.That(_bench.Read(y), Is.EqualTo(new[] { 0.6f, -0.8f }));
    }

    [Test]
    public void PatchEmbedWalksPatchesRowByRow()
    {
        // Two channels of 2 x 3 pixels in patches of 1: the third patch of the first row is pixel (0, 2), the second row follows.
        var embedding = new PatchEmbeddingParameters(
            _bench.Weight([1, 100], DType.F32, 1, 2), _bench.Floats([7], 1), _bench.Floats([0.5f, 0, 0, 0, 0, 0, 0.25f], 7, 1), 1);
        Tensor y = _bench.Result(7, 1);
        _bench.Backend.PatchEmbed(_bench.Floats([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6], 1, 2, 2, 3), embedding, y);
        Assert.That(_bench.Read(y), Is.EqualTo(new[] { 7.5f, 101, 202, 303, 404, 505, 606.25f }));
    }

    [Test]
    public void EmbedRowsScalesTheEmbeddingNotThePosition()
    {
        _bench.Begin(Steps.Embedding([1, 0], [1, 0], [-1, 0]));
        Tensor y = _bench.Result(2, 1);
        _bench.Backend.EmbedRows(_bench.Weight([5, 6], DType.F32, 2, 1), _bench.Floats([9], 1, 1), 10, _bench.Floats([0.5f, 0.25f], 2, 1), y);
        Assert.That(_bench.Read(y), Is.EqualTo(new[] { 60.25f, 90.5f }));
    }

    [Test]
    public void AttentionWeighsValuesBySoftmax()
    {
        // Scores 0 and ln 3: weights 1/4 and 3/4.
        Tensor y = _bench.Result(1, 1);
        Tensor p = _bench.Result(1, 1, 1, 2);
        _bench.Backend.Attention(
            _bench.Floats([2], 1, 1), _bench.Floats([0, MathF.Log(3)], 2, 1), _bench.Floats([8, 16], 2, 1), y, 1, 1, 0.5f, p);
        Assert.That(_bench.Read(p), Is.EqualTo(new[] { 0.25f, 0.75f }).Within(1e-7));
        Assert.That(_bench.Read(y), Is.EqualTo(new[] { 14f }).Within(1e-6));
    }

    [Test]
    public void CachedAttentionIsCausalAndEvenForARowThatSeesNothing()
    {
        KeyValueBlocks cache = _bench.Cache(1, 1, 1, 2);
        _bench.Begin(Steps.Of(new SequenceRows([1], 3, 3, position => position == 2)));
        Tensor zero = _bench.Floats([0, 0, 0], 3, 1);
        Tensor y = _bench.Result(3, 1);
        Tensor p = _bench.Result(9);
        _bench.Backend.AppendKeyValues(zero, _bench.Floats([2, 4, 12], 3, 1), cache, 0);
        _bench.Backend.CachedAttention(zero, cache, 0, 1, y, p);
        // Row 0 sees key 0, row 1 keys 0 and 1, all hidden: they attend to these and to the visible key after them. Row 2 sees key 2 alone.
        Assert.That(_bench.Read(y), Is.EqualTo(new[] { 7f, 6, 12 }));
        Assert.That(_bench.Read(p), Is.EqualTo(new[] { 0.5f, 0, 0.5f, 1 / 3f, 1 / 3f, 1 / 3f, 0, 0, 1 }));
    }
}
