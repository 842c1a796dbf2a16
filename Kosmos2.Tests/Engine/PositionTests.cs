using Kosmos2.Engine.Calibration;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Tables of positions, the decoder's and the encoder's: where they begin and end, and what they take.</summary>
internal sealed class PositionTests
{
    private static readonly string s_folder = ReferenceModels.Folder("upstream-test");

    [Test]
    public void WhereThereIsNoRoomForMorePositionsThoseThatThereAreStay()
    {
        using var device = new FullDevice(Backends.Create("cpu", threads: 1));
        using var positions = new SinusoidalPositions(device, 8, paddingRow: 1);
        float[] before = Values(device, positions.Table);
        device.IsFull = true;
        Assert.That(() => positions.Cover(500), Throws.InstanceOf<DeviceMemoryException>());
        Assert.That(() => positions.RoundTo(DType.BF16), Throws.InstanceOf<DeviceMemoryException>());
        Assert.That(Values(device, positions.Table), Is.EqualTo(before));

        device.IsFull = false;
        positions.Cover(500);
        Assert.That(Values(device, positions.Table), Is.EqualTo(SinusoidalPositions.Compute(positions.Table.Rows, 8, paddingRow: 1)), "not rounded");
    }

    [Test]
    public void ModelsGoOnAfterASequenceThatHadNoRoom()
    {
        var device = new FullDevice(Backends.Create("cpu", threads: 1));
        using Kosmos2Model model = Kosmos2Model.Load(s_folder, device);
        SequenceInput[] sequence = [new() { TokenIds = [8, 9] }];
        float[] logits = model.Forward(sequence).Logits;
        device.IsFull = true;
        Assert.That(() => model.Forward([new() { TokenIds = [8, 9], PositionIds = [600, 601] }]), Throws.InstanceOf<DeviceMemoryException>());
        Assert.That(model.Forward(sequence).Logits, Is.EqualTo(logits));
    }

    [Test]
    public void PositionsEndWhereTheirTableWouldTakeGigabytes()
    {
        using Kosmos2Model model = Kosmos2Model.Load(s_folder, new DryRun());
        using KeyValueCache cache = model.CreateCache();
        Assert.That(() => model.Forward([new() { TokenIds = [8], PositionIds = [65536] }]), Throws.ArgumentException.With.Message.Contains("position 65536 is not in 0 .. 65535"));
        int[] ids = [.. Enumerable.Repeat(8, 65535)];
        Assert.That(() => model.Forward([new() { TokenIds = ids, Cache = cache }], logits: LogitRows.None), Throws.InstanceOf<ArgumentException>().With.Message.Contains("a sequence is too long: positions are 0 to 65535"));
        Assert.That((cache.Length, model.Decoder.Positions.Table.Rows), Is.EqualTo((0, 128)), "nothing was appended or grown");
        Assert.That(() => model.Forward([new() { TokenIds = ids[..^1] }], logits: LogitRows.None), Throws.Nothing);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(40)]
    public void PositionsBeginBehindThePadTokensNumber(int pad)
    {
        using var folder = new TemporaryFolder();
        using Kosmos2Model model = LoadWithPad(folder, pad);
        int[] ids = [8, 9, pad, 10, pad, pad, 11];

        // Hugging Face's create_position_ids_from_input_ids.
        int count = 0;
        int[] positions = Array.ConvertAll(ids, id => id == pad ? pad : ++count + pad);
        using KeyValueCache cache = model.CreateCache();
        float[] byRule = [.. model.Forward([new() { TokenIds = ids[..4], Cache = cache }]).Logits, .. model.Forward([new() { TokenIds = ids[4..], Cache = cache }]).Logits];
        Assert.That(byRule, Is.EqualTo(model.Forward([new() { TokenIds = ids, PositionIds = positions }]).Logits));

        // As for inputs_embeds there: all count.
        int width = model.Config.TextConfig.EmbedDim;
        float[][] embeds = [[.. Enumerable.Range(0, 3 * width).Select(i => i / 100f)]];
        using Kosmos2Output counted = model.Forward(new ForwardInputs { InputsEmbeds = embeds });
        using Kosmos2Output given = model.Forward(new ForwardInputs { InputsEmbeds = embeds, PositionIds = [[pad + 1, pad + 2, pad + 3]] });
        Assert.That(counted.Logits, Is.EqualTo(given.Logits));
    }

    [Test]
    public void APadTokenOutsideTheVocabularyIsRefused()
    {
        using var folder = new TemporaryFolder();
        Assert.That(() => LoadWithPad(folder, 99), Throws.InstanceOf<ConfigurationException>().With.Message.Contains("text_config.pad_token_id is 99; it must be below 99"));
    }

    [Test]
    public void TablesOfAFewPictureSizesAreKept()
    {
        var device = new DryRun();
        var config = new Kosmos2VisionConfig { HiddenSize = 8, ImageSize = 32, PatchSize = 4 };
        var learned = new float[65 * 8];
        using var positions = new PositionInterpolation(device, () => learned, config);
        Tensor first = positions.For(1, 1);
        for (int rows = 2; rows <= 50; rows++)
        {
            positions.For(rows, 10);
            Assert.That(positions.For(1, 1), Is.SameAs(first), "it is in use");
        }
        Assert.That(device.PeakBytes, Is.LessThan(5 * (1 + (50 * 10)) * 8 * sizeof(float)));
    }

    [Test]
    public void ATableThatCannotBeFilledIsGivenBack()
    {
        var count = new DryRun();
        using var device = new FullDevice(count) { RefusesUploads = true };
        using var positions = new PositionInterpolation(device, () => new float[65 * 8], new Kosmos2VisionConfig { HiddenSize = 8, ImageSize = 32, PatchSize = 4 });
        for (int i = 0; i < 3; i++)
            Assert.That(() => positions.For(3, 3), Throws.InvalidOperationException);
        Assert.That(() => new SinusoidalPositions(device, 10, paddingRow: 1), Throws.InvalidOperationException);
        Assert.That(count.PeakBytes, Is.EqualTo(128 * 10 * sizeof(float)), "one table at a time");
    }

    private static Kosmos2Model LoadWithPad(TemporaryFolder folder, int pad)
    {
        string config = File.ReadAllText(Path.Combine(s_folder, "config.json"));
        folder.Write("config.json", config.Replace("\"vocab_size\"", $"\"pad_token_id\": {pad}, \"vocab_size\"", StringComparison.Ordinal));
        folder.Write("model.safetensors", File.ReadAllBytes(Path.Combine(s_folder, "model.safetensors")));
        return Kosmos2Model.Load(folder.Path, Backends.Create("cpu", threads: 1));
    }

    private static float[] Values(IBackend device, Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Width];
        device.Download<float>(tensor, values);
        return values;
    }

    /// <summary>A device whose memory can be full.</summary>
    private sealed class FullDevice(IBackend inner) : DelegatingBackend(inner)
    {
        public bool IsFull { get; set; }

        public bool RefusesUploads { get; set; }

        public override Tensor Allocate(DType type, params ReadOnlySpan<long> extents) =>
            IsFull ? throw new DeviceMemoryException("a table", 2, 1) : base.Allocate(type, extents);

        public override Tensor AllocateUnrecorded(DType type, params ReadOnlySpan<long> extents) => Allocate(type, extents);

        public override void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        {
            if (RefusesUploads)
                throw new InvalidOperationException("an upload failed");
            base.Upload(source, destination);
        }
    }
}
