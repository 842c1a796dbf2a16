using System.Globalization;
using Kosmos2.Tests.Weights;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Cli;

/// <summary>
/// The most memory that a run of the command has at once, over what the same run takes with a model that is next to nothing. Linux counts pages of mapped files as well as memory
/// of the process's own (VmHWM), so weights that lay in both at once would show as twice their size, and the difference leaves out what the runtime takes.
/// </summary>
[Platform("Linux", Reason = "elsewhere the peak is not told")]
internal sealed class CliMemoryTests : CliTestBase
{
    private const int Width = 768;

    // A matrix of the feed-forward network in F32.
    private const long LargestTensor = 4 * 4 * Width * Width;

    private readonly TemporaryFolder _models = new();

    private string Small => _models.File("small");

    private string Large => _models.File("large");

    [OneTimeSetUp]
    public void MakeModels()
    {
        Make(Small, 64, 1);
        Make(Large, Width, 8);
    }

    [OneTimeTearDown]
    public void RemoveModels() => _models.Dispose();

    /// <summary>And what is converted on its way into memory takes one tensor of the file beside.</summary>
    [TestCase("stored", 1.0, 0)]
    [TestCase("bf16", 0.5, LargestTensor)]
    [TestCase("int8", 0.25, LargestTensor)]
    public async Task Packed_weights_take_at_most_1_3_times_their_size(string format, double size, long beside)
    {
        string[] line = ["caption", Scene(1), "--device", "cpu", "--threads", "2", "--weights", "packed", "--max-new-tokens", "2", "--format", format];
        double over = await Peak([.. line, "--model", Large]) - await Peak([.. line, "--model", Small]);
        double weights = size * Bytes(Large);
        Assert.That(over, Is.AtMost((1.3 * weights) + beside));
    }

    /// <summary>The command promises less than 1 GB over the largest tensor for any model: what it holds does not grow with the model, and is here less than a quarter of it.</summary>
    [Test]
    public async Task Quantize_holds_a_small_part_of_the_model([Values("bf16", "int8", "int4")] string format)
    {
        double over = await Peak("quantize", Large, At("large-out"), "--format", format) - await Peak("quantize", Small, At("small-out"), "--format", format);
        Assert.That(over, Is.AtMost(0.25 * Bytes(Large)));
    }

    private static long Bytes(string folder) => new FileInfo(Path.Combine(folder, "model.safetensors")).Length;

    // The shipped model with another decoder, in F32.
    private static void Make(string folder, int width, int layers)
    {
        Kosmos2Config config = Kosmos2Config.Load(TestData.ShapesModel);
        SyntheticCheckpoint.Write(folder, config with { TextConfig = config.TextConfig with { EmbedDim = width, FfnDim = 4 * width, Layers = layers } });
        foreach (string path in Directory.GetFiles(TestData.ShapesModel).Where(path => !File.Exists(Path.Combine(folder, Path.GetFileName(path)))))
            File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
    }

    private async Task<long> Peak(params string[] arguments)
    {
        string status = At("status");
        // How much garbage gathers would otherwise follow from the processor's caches: 4 MiB.
        CliResult result = await CliProcess.RunAsync(CliProcess.Start(
            arguments, environment: [("DOTNET_GCgen0size", "400000"), ("DOTNET_STARTUP_HOOKS", typeof(StartupHook).Assembly.Location), (StartupHook.Variable, status)]));
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        string peak = File.ReadLines(status).First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return 1024 * long.Parse(peak.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
