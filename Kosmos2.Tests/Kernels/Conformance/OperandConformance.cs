using Kosmos2.Engine.Calibration;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Wrong operands are refused with <see cref="ArgumentException"/>, by every backend, before anything is computed.</summary>
[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.WithReference))]
public sealed class OperandConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    private static readonly (string Name, Action<Workbench> Call)[] LinearCases =
    [
        ("narrow x", b => b.Backend.Linear(b.Random(1, 2, 4), Layer(b, 5, 3), b.Result(2, 3))),
        ("narrow y", b => b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3), b.Result(2, 2))),
        ("short y", b => b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3), b.Result(1, 3))),
        ("short bias", b => b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3) with { Bias = b.Random(1, 2) }, b.Result(2, 3))),
        ("narrow residual", b => b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3), b.Result(2, 3), residual: b.Random(1, 3, 2))),
        ("short norm", b => b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3), b.Result(2, 3), norm: b.Norm(1, 3))),
        ("integers as x", b => b.Backend.Linear(b.Integers(2, 5), Layer(b, 5, 3), b.Result(2, 3))),
        ("unknown activation", b => b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3), b.Result(2, 3), (Activation)99)),
        ("null x", b => b.Backend.Linear(null!, Layer(b, 5, 3), b.Result(2, 3))),
        ("null layer", b => b.Backend.Linear(b.Random(1, 2, 5), null!, b.Result(2, 3))),
        ("y over x", b => InPlace(b, x => b.Backend.Linear(x, Layer(b, 5, 5), x))),
        ("y over half of the residual", b =>
        {
            Tensor memory = b.Random(1, 4, 3);
            b.Backend.Linear(b.Random(1, 2, 5), Layer(b, 5, 3), memory.SliceRows(0, 2), residual: memory.SliceRows(1, 2));
        }),
        ("another backend's weight", b => b.Backend.Linear(b.Random(1, 2, 5), new LinearParameters(new ForeignWeight(), null), b.Result(2, 3))),
        ("memory elsewhere", b => b.Backend.Linear(Elsewhere(2, 5), Layer(b, 5, 3), b.Result(2, 3))),
        ("freed memory", b =>
        {
            Tensor x = b.Backend.Allocate(DType.F32, 2, 5);
            x.Dispose();
            b.Backend.Linear(x, Layer(b, 5, 3), b.Result(2, 3));
        }),
        ("fewer outputs than layers", b => b.Backend.LinearGroup(b.Random(1, 2, 5), [Layer(b, 5, 3), Layer(b, 5, 3)], [b.Result(2, 3)])),
        ("the same output twice", b =>
        {
            Tensor y = b.Result(2, 3);
            b.Backend.LinearGroup(b.Random(1, 2, 5), [Layer(b, 5, 3), Layer(b, 5, 3)], [y, y]);
        }),
    ];

    private static readonly (string Name, Action<Workbench> Call)[] OtherCases =
    [
        ("upload of another size", b => b.Backend.Upload<float>(new float[5], b.Result(2, 3))),
        ("download of another size", b => b.Backend.Download<float>(b.Result(2, 3), new float[7])),
        ("copy of another size", b => b.Backend.Copy(b.Result(2, 3), b.Result(3, 3))),
        ("copy onto itself", b => InPlace(b, x => b.Backend.Copy(x.SliceRows(0, 2), x.SliceRows(1, 2)))),
        ("weight of integers", b =>
        {
            using Tensor weight = Tensor.OnHost(DType.I32, 2, 3);
            b.Backend.Prepare(weight).Dispose();
        }),
        ("weight of three axes", b =>
        {
            using Tensor weight = Tensor.OnHost(DType.F32, 2, 3, 4);
            b.Backend.Prepare(weight).Dispose();
        }),
        ("layer norm of another width", b => b.Backend.LayerNorm(b.Random(1, 2, 5), b.Norm(2, 4), b.Result(2, 5))),
        ("layer norm into another shape", b => b.Backend.LayerNorm(b.Random(1, 2, 5), b.Norm(2, 5), b.Result(5, 2))),
        ("normalising into another shape", b => b.Backend.L2Normalize(b.Random(1, 2, 5), b.Result(2, 4))),
        ("pixels without batch", b => b.Backend.PatchEmbed(b.Random(1, 3, 4, 4), Patches(b, 12, 4), b.Result(5, 7))),
        ("pixels of other channels", b => b.Backend.PatchEmbed(b.Random(1, 1, 1, 4, 4), Patches(b, 12, 5), b.Result(5, 7))),
        ("pixels smaller than a patch", b => b.Backend.PatchEmbed(b.Random(1, 1, 3, 1, 4), Patches(b, 12, 1), b.Result(1, 7))),
        ("positions of another picture", b => b.Backend.PatchEmbed(b.Random(1, 1, 3, 4, 4), Patches(b, 12, 4), b.Result(5, 7))),
        ("width without whole heads", b => b.Backend.Attention(b.Random(1, 2, 5), b.Random(1, 3, 5), b.Random(1, 3, 5), b.Result(2, 5), 1, 2, 1)),
        ("values of another length", b => b.Backend.Attention(b.Random(1, 2, 6), b.Random(1, 3, 6), b.Random(1, 2, 6), b.Result(2, 6), 1, 2, 1)),
        ("queries of another length", b => b.Backend.Attention(b.Random(1, 3, 6), b.Random(1, 4, 6), b.Random(1, 4, 6), b.Result(4, 6), 2, 2, 1)),
        ("keys that the batch does not divide", b => b.Backend.Attention(b.Random(1, 4, 6), b.Random(1, 3, 6), b.Random(1, 3, 6), b.Result(4, 6), 2, 2, 1)),
        ("no keys", b => b.Backend.Attention(b.Random(1, 4, 6), b.Result(0, 6), b.Result(0, 6), b.Result(4, 6), 1, 2, 1)),
        ("probabilities of another size", b =>
            b.Backend.Attention(b.Random(1, 2, 6), b.Random(1, 3, 6), b.Random(1, 3, 6), b.Result(2, 6), 1, 2, 1, b.Result(11))),
        ("probabilities of another type", b =>
            b.Backend.Attention(b.Random(1, 2, 6), b.Random(1, 3, 6), b.Random(1, 3, 6), b.Result(2, 6), 1, 2, 1, b.Integers(12))),
    ];

    private static readonly (string Name, Action<Workbench> Call)[] StepCases =
    [
        ("a token past the vocabulary", b => Embed(b, [3, 11], [0, 1], [-1, -1])),
        ("a negative token", b => Embed(b, [3, -1], [0, 1], [-1, -1])),
        ("a position past the table", b => Embed(b, [3, 0], [0, 12], [-1, -1])),
        ("a given row past the last", b => Embed(b, [3, 0], [0, 1], [-1, 2])),
        ("a given row without given rows", b => Embed(b, [3, 0], [0, 1], [-1, 0], given: false)),
        ("another number of rows", b => Embed(b, [3, 0], [0, 1], [-1, -1], rows: 3)),
        ("a slot past the cache", b => Append(b, new SequenceRows([4], 3, 3), 3)),
        ("a layer past the last", b => Append(b, new SequenceRows([1], 3, 3), 3, layer: 2)),
        ("keys of another width", b => Append(b, new SequenceRows([1], 3, 3), 3, width: 15)),
        ("a block past the cache", b => Attend(b, new SequenceRows([1, 4], 20, 1))),
        ("step probabilities of another size", b => Attend(b, new SequenceRows([1, 2], 20, 2), probabilities: 79)),
        ("step probabilities of another type", b =>
        {
            b.Begin(Steps.Of(new SequenceRows([1, 2], 20, 2)));
            b.Backend.CachedAttention(b.Random(1, 2, 8), b.Cache(1, 1, 8, 4), 0, 1, b.Result(2, 8), b.Integers(40));
        }),
        ("a cache with another order of keys", b =>
        {
            using var other = new OtherOrder(b.Backend);
            using var cache = new KeyValueBlocks(other, 1, 1, 8, 4);
            b.Backend.CopyBlocks(cache, [(0, 1)]);
        }),
        ("fewer blocks than keys need", b =>
        {
            StepTable table = Steps.Of(new SequenceRows([1], 16, 1));
            table.KeyCounts[0] = 17;
            b.Begin(table);
        }),
        ("more rows than keys", b =>
        {
            StepTable table = Steps.Of(new SequenceRows([1], 3, 3));
            table.KeyCounts[0] = 2;
            b.Begin(table);
        }),
        ("row starts that end early", b =>
        {
            StepTable table = Steps.Of(new SequenceRows([1], 3, 3));
            table.RowStarts[1] = 2;
            b.Begin(table);
        }),
        ("a row of another sequence", b =>
        {
            StepTable table = Steps.Of(new SequenceRows([1], 3, 3), new SequenceRows([2], 3, 3));
            table.RowSequences[2] = 1;
            b.Begin(table);
        }),
        ("an output past the rows", b => b.Begin(Steps.Outputs(3, [3], [[]]))),
        ("copying from a block past the cache", b => b.Backend.CopyBlocks(b.Cache(1, 1, 8, 4), [(4, 0)])),
        ("copying to a negative block", b => b.Backend.CopyBlocks(b.Cache(1, 1, 8, 4), [(0, -1)])),
        ("copying two blocks to one", b => b.Backend.CopyBlocks(b.Cache(1, 1, 8, 4), [(0, 2), (1, 2)])),
        ("copying in a chain", b => b.Backend.CopyBlocks(b.Cache(1, 1, 8, 4), [(0, 1), (1, 2)])),
        ("gathering from other rows", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]]));
            b.Backend.GatherOutputRows(b.Random(1, 2, 5), b.Result(1, 5));
        }),
        ("a banned token past the vocabulary", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[7]]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Integers(1));
        }),
        ("a rule without classes", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]], rules: [new TokenRule(1, 0, 0, TokenReading.None, 0)]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Integers(1));
        }),
        ("classes of another vocabulary", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Integers(1), b.Classes(new sbyte[6]));
        }),
        ("a grid past the vocabulary", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Integers(1), b.Classes(new sbyte[7], 4, 2));
        }),
        ("a probability without a place", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]], rules: [new TokenRule(0, 0, 0, TokenReading.Probability, 1)]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Integers(2));
        }),
        ("a grid's logits without room", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]], rules: [new TokenRule(0, 0, 0, TokenReading.Grid, 1)]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Integers(5), b.Classes(new sbyte[7], 3, 2));
        }),
        ("a reading that there is not", b => b.Begin(Steps.Outputs(3, [2], [[]], rules: [new TokenRule(0, 0, 0, (TokenReading)3, 0)]))),
        ("fewer results than outputs", b =>
        {
            b.Begin(Steps.Outputs(3, [1, 2], [[], []]));
            b.Backend.SelectTokens(b.Random(1, 2, 7), b.Integers(1));
        }),
        ("ids as floats", b =>
        {
            b.Begin(Steps.Outputs(3, [2], [[]]));
            b.Backend.SelectTokens(b.Random(1, 1, 7), b.Result(1));
        }),
    ];

    [Test]
    public void LinearRefuses() => RefusesAll(LinearCases);

    [Test]
    public void OtherOperationsRefuse() => RefusesAll(OtherCases);

    [Test]
    public void StepsRefuse() => RefusesAll(StepCases);

    [Test]
    public void MessagesSayWhatWasFoundAndExpected()
    {
        using var bench = new Workbench(Backend);
        Assert.That(
            () => bench.Backend.Linear(bench.Random(1, 2, 4), Layer(bench, 5, 3), bench.Result(2, 3)),
            Throws.ArgumentException.With.Message.EqualTo("found F32 [2, 4], expected F32 [2, 5] (Parameter 'x')"));
    }

    private void RefusesAll((string Name, Action<Workbench> Call)[] cases)
    {
        Assert.Multiple(() =>
        {
            foreach ((string name, Action<Workbench> call) in cases)
            {
                using var bench = new Workbench(Backend);
                Assert.That(() => call(bench), Throws.InstanceOf<ArgumentException>(), name);
            }
        });
    }

    private static LinearParameters Layer(Workbench bench, int inputs, int outputs) =>
        new(bench.Weight(1, DType.F32, outputs, inputs), bench.Random(2, outputs));

    private static PatchEmbeddingParameters Patches(Workbench bench, int inputs, int positions) =>
        new(bench.Weight(1, DType.F32, 7, inputs), bench.Random(2, 7), bench.Random(3, positions, 7), 2);

    private static void InPlace(Workbench bench, Action<Tensor> call) => call(bench.Random(1, 5, 5));

    private static void Embed(Workbench bench, int[] tokens, int[] positions, int[] givenRows, bool given = true, int rows = 2)
    {
        bench.Begin(Steps.Embedding(tokens, positions, givenRows));
        bench.Backend.EmbedRows(bench.Weight(1, DType.F32, 11, 7), given ? bench.Random(2, 2, 7) : null, 1, bench.Random(3, 12, 7), bench.Result(rows, 7));
    }

    private static void Append(Workbench bench, SequenceRows sequence, int rows, int layer = 0, int width = 16)
    {
        bench.Begin(Steps.Of(sequence));
        bench.Backend.AppendKeyValues(bench.Random(1, rows, width), bench.Random(2, rows, width), bench.Cache(2, 2, 8, 4), layer);
    }

    private static void Attend(Workbench bench, SequenceRows sequence, int? probabilities = null)
    {
        bench.Begin(Steps.Of(sequence));
        bench.Backend.CachedAttention(
            bench.Random(1, sequence.Rows, 16), bench.Cache(2, 2, 8, 4), 0, 1, bench.Result(sequence.Rows, 16), probabilities is int n ? bench.Result(n) : null);
    }

    private static Tensor Elsewhere(int rows, int width) => new(new UnreachableStorage(rows * width * 4), DType.F32, new Shape(rows, width));

    private sealed class ForeignWeight() : PreparedWeight(new Shape(3, 5), DType.F32);

    private sealed class UnreachableStorage(long length) : TensorStorage
    {
        public override long ByteLength => length;

        public override unsafe byte* HostPointer => null;

        protected override void Dispose(bool disposing)
        {
        }
    }

    // Its tensors are the other's.
    private sealed class OtherOrder(IBackend inner) : DelegatingBackend(inner), IBackend
    {
        bool IBackend.KeysByElement => !KeysByElement;

        void IDisposable.Dispose()
        {
        }
    }
}
