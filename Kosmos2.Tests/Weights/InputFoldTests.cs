using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Reference;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>Inputs of one size around zero: factors by their formula, and a model that computes what it did.</summary>
internal sealed class InputFoldTests
{
    [Test]
    public void FactorsAreThoseOfTheirFormula()
    {
        // Two layers over three inputs with deviations 4, 1, 0 and mean squares of weights (3^2 + 1^2) / 2, and so on.
        var inputs = new InputStatistics([1, -2, 0.5f], [[16, 0.5f, 0, 0.5f, 1, 0, 0, 0, 0]]);
        using Tensor first = Matrix(3, 1, 0), second = Matrix(1, 1, 0);
        InputFold fold = InputFold.Find(inputs, [first, second]);
        double leastDeviation = 0.02 * Math.Sqrt(17.0 / 3), leastSize = 0.02 * Math.Sqrt((10 + 2) / 3.0);
        double[] factors = [.. new[] { (4, Math.Sqrt(10)), (1, Math.Sqrt(2)), (0, 0) }.Select(p => Math.Sqrt((p.Item1 + leastDeviation) / (p.Item2 + leastSize)))];
        double mean = Math.Pow(factors[0] * factors[1] * factors[2], 1.0 / 3);
        Assert.That(fold.Mean, Is.EqualTo(inputs.Mean));
        Assert.That(fold.Factors, Is.EqualTo(factors.Select(f => f / mean)).Within(1e-5).Percent);
        InputStatistics folded = fold.Apply(inputs);
        Assert.That(folded.Mean, Is.All.Zero);
        Assert.That(folded.Covariance[0], Is.EqualTo(inputs.Covariance[0].Select((c, i) => c / (fold.Factors[i / 3] * fold.Factors[i % 3]))).Within(1e-5).Percent);
    }

    [Test]
    public void InputsThatNeverVaryAndWeightsOfZeroGiveFiniteFactors()
    {
        using Tensor nothing = Matrix(0, 0, 0);
        Assert.That(InputFold.Find(new InputStatistics(new float[3], [new float[9]]), [nothing]).Factors, Is.All.EqualTo(1).Within(1e-6));
    }

    /// <summary>Means and deviations that have nothing to do with the model: whatever is folded, all of it is taken over somewhere.</summary>
    [Test]
    public void AFoldedModelComputesWhatItDid([Values("real-shapes", "bf16")] string model)
    {
        string source = ReferenceModels.Folder(model);
        using Checkpoint before = Checkpoint.Open(source);
        var inputs = before.Names.Where(n => n.EndsWith(".weight", StringComparison.Ordinal) && before.TryGet($"{n[..^".weight".Length]}.bias", out _) && before[n].Shape.Rank == 2)
            .ToDictionary(n => n, n => Unrelated(before[n].Shape.Width, n.Length));
        var options = new QuantizeOptions { Format = WeightFormat.Int8 };
        double folded = Error(source, options with { Inputs = inputs }), byNorms = Error(source, options), plain = Error(source, options with { FoldInputs = false });
        Assert.That(folded, Is.LessThan(3 * plain).And.LessThan(0.05));
        Assert.That(byNorms, Is.LessThan(2 * plain).And.LessThan(0.05));
    }

    /// <summary>Without measurements a normalisation's outputs lie about its bias, as wide as its weight, whatever that one's sign.</summary>
    [Test]
    public void ANormsParametersStandForItsOutputs()
    {
        using Tensor layer = Matrix(3, 1, 2), norm = Matrix(-4, 1, 0.5f), bias = Matrix(1, -2, 0.5f);
        InputFold byNorm = InputFold.Find(norm.SliceRows(0, 1), bias.SliceRows(0, 1), [layer]);
        InputFold measured = InputFold.Find(new InputStatistics([1, -2, 0.5f], [[16, 0, 0, 0, 1, 0, 0, 0, 0.25f]]), [layer]);
        Assert.That(byNorm.Mean, Is.EqualTo(measured.Mean));
        Assert.That(byNorm.Factors, Is.EqualTo(measured.Factors).Within(1e-5).Percent);
    }

    [Test]
    public void PlainScalesFoldNothingByThemselves()
    {
        using var folder = new TemporaryFolder();
        string source = ReferenceModels.Folder("real-shapes");
        CheckpointQuantizer.Write(source, folder.Path, new QuantizeOptions { Format = WeightFormat.Int8, SearchScales = false });
        using Checkpoint before = Checkpoint.Open(source), after = Checkpoint.Open(folder.Path);
        foreach (string name in before.Names.Where(name => before[name].Shape.Rank == 1))
            Assert.That(Floats.ToArray(after[name]), Is.EqualTo(Floats.ToArray(before[name])), name);
    }

    [Test]
    public void NothingIsFoldedIntoLayersThatStay()
    {
        using var folder = new TemporaryFolder();
        string source = ReferenceModels.Folder("real-shapes");
        using Checkpoint before = Checkpoint.Open(source);
        const string Layer = "text_model.model.layers.0.";
        var inputs = new[] { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "ffn.fc1" }.ToDictionary(
            n => $"{Layer}{n}.weight", n => OutputErrors.Statistics(before[$"{Layer}{n}.weight"].Shape.Width, 1));
        CheckpointQuantizer.Write(source, folder.Path, new QuantizeOptions { Format = WeightFormat.Int8, Keep = [$"{Layer}self_attn.k_proj"], Inputs = inputs });
        using Checkpoint after = Checkpoint.Open(folder.Path);
        Assert.That(Floats.ToArray(after[$"{Layer}self_attn_layer_norm.weight"]), Is.EqualTo(Floats.ToArray(before[$"{Layer}self_attn_layer_norm.weight"])));
        Assert.That(Floats.ToArray(after[$"{Layer}final_layer_norm.weight"]), Is.Not.EqualTo(Floats.ToArray(before[$"{Layer}final_layer_norm.weight"])));
        Assert.That(after[$"{Layer}final_layer_norm.bias"].DType, Is.EqualTo(DType.F32));
    }

    // Relative L2 of the logits, behind a picture, against the weights as they are stored.
    private static double Error(string source, QuantizeOptions options)
    {
        using var folder = new TemporaryFolder();
        CheckpointQuantizer.Write(source, folder.Path, options);
        float[] actual = Logits(folder.Path), expected = Logits(source);
        return Math.Sqrt(actual.Zip(expected, (a, b) => Math.Pow(a - (double)b, 2)).Sum() / expected.Sum(b => (double)b * b));
    }

    private static float[] Logits(string folder)
    {
        using Kosmos2Model model = Kosmos2Model.Load(folder, new ReferenceBackend());
        Kosmos2VisionConfig vision = model.Config.VisionConfig;
        using Tensor pixels = SyntheticCheckpoint.CreateTensor("pixel_values", 1, vision.NumChannels, vision.ImageSize, vision.ImageSize);
        using ImageEmbeddings picture = model.EncodeImages(pixels.AsSpan<float>(), 1, vision.ImageSize, vision.ImageSize);
        int[] given = [-1, .. Enumerable.Range(0, model.Config.LatentQueryNum), -1, -1];
        return model.Forward([new SequenceInput { TokenIds = [.. given.Select((g, i) => g < 0 ? i % 9 : 3)], GivenRows = given }], picture).Logits;
    }

    private static InputStatistics Unrelated(int width, int seed)
    {
        var random = new Random(seed);
        return new InputStatistics([.. Enumerable.Range(0, width).Select(_ => random.NextSingle() - 0.5f)], [.. Enumerable.Range(0, InputStatistics.Blocks(width)).Select(block =>
        {
            int n = InputStatistics.WidthOf(block, width);
            return Enumerable.Range(0, n * n).Select(i => i / n == i % n ? 0.1f + random.NextSingle() : 0).ToArray();
        })]);
    }

    // Two rows: the first as given, of the second nothing.
    private static Tensor Matrix(params float[] row)
    {
        Tensor matrix = Tensor.OnHost(DType.F32, 2, row.Length);
        row.CopyTo(matrix.AsSpan<float>());
        return matrix;
    }
}
