using System.CommandLine;
using Kosmos2.Cli.Output;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;
using Spectre.Console;
using static System.FormattableString;

namespace Kosmos2.Cli.Commands;

/// <summary>Shows what a model is and what it would run on. No weight is read.</summary>
internal static class InfoCommand
{
    public static Command Make()
    {
        var tensors = new Option<bool>("--tensors") { Description = "List every tensor." };
        var options = new ModelOptions();
        var command = new Command("info", "Show the model, the processor, the devices and the kernels in use.") { tensors };
        options.AddTo(command);
        command.SetAction(parse => Run(options.Read(parse), parse.GetValue(tensors)));
        return Examples.Attach(command, "kosmos2 info", "kosmos2 info --model kosmos-2-patch14-224/ --tensors");
    }

    private static int Run(ModelChoice choice, bool listTensors)
    {
        string folder = ModelFolder.Find(choice.Folder);
        Kosmos2Config config = Kosmos2Config.Load(folder);
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        using IBackend backend = Backends.Create(choice.Device, choice.Engine.ForCpu(folder, config), choice.Engine.ForGpu(config));
        SafetensorsEntry[] entries = [.. checkpoint.Files.SelectMany(file => file.Entries)];

        Row("model", Path.GetFullPath(folder));
        Row("weights", Invariant($"{entries.Sum(e => e.Shape.ElementCount):N0} in {entries.Length:N0} tensors, {Files(checkpoint)}"));
        foreach (IGrouping<DType, SafetensorsEntry> type in entries.GroupBy(entry => entry.DType))
            Row("", Invariant($"{type.Key}: {type.Count():N0} tensors, {Sizes.Bytes(type.Sum(entry => entry.ByteLength))}"));
        if (config.QuantizationConfig is { } quantization)
            Row("", $"{quantization}{(quantization.NamesActivations ? "; activations stay exact" : "")}");
        if (backend is CpuBackend cpu && Panels(checkpoint, cpu) is { } panels)
            Row("panels", panels);
        Kosmos2TextConfig text = config.TextConfig;
        Kosmos2VisionConfig vision = config.VisionConfig;
        Row("text", Invariant($"{text.Layers} layers, width {text.EmbedDim}, {text.AttentionHeads} heads, ffn {text.FfnDim}"));
        Row("", Invariant($"vocabulary {text.VocabSize:N0}"));
        Row("vision", Invariant($"{vision.NumHiddenLayers} layers, width {vision.HiddenSize}, {vision.NumAttentionHeads} heads"));
        Row("", Invariant($"picture {vision.ImageSize}, patch {vision.PatchSize}, {config.LatentQueryNum} latent queries"));
        Row("processor", CpuDescription.Name);
        Row("", CpuDescription.InstructionSets);
        string title = "devices";
        foreach (IlgpuDevice device in IlgpuDevices.Enumerate())
        {
            string name = $"{device.Selector} {device.Name}, {Sizes.Bytes(device.MemoryBytes)}";
            Row(title, device.Problem is null ? name : $"{name}; cannot be used: {device.Problem}");
            title = "";
        }
        if (title.Length > 0)
            Row(title, "no CUDA or OpenCL device");
        Row("runs on", backend.Description);
        if (listTensors)
            Consoles.Out.Write(Tensors(entries));
        return ExitCode.Ok;
    }

    // Those that lie beside the model, or why they do not serve.
    private static string? Panels(Checkpoint checkpoint, CpuBackend cpu)
    {
        using PanelFile? file = PanelFile.TryOpen(checkpoint, cpu, out string? problem);
        return file is null ? problem : $"{Path.GetFileName(file.FilePath)}, {Sizes.Bytes(new FileInfo(file.FilePath).Length)}";
    }

    private static string Files(Checkpoint checkpoint)
    {
        int count = checkpoint.Files.Count;
        return Invariant($"{Sizes.Bytes(checkpoint.Files.Sum(file => file.FileLength))} in {count} {(count == 1 ? "file" : "files")}");
    }

    private static Table Tensors(IEnumerable<SafetensorsEntry> entries)
    {
        Table table = new Table().NoBorder().AddColumns("tensor", "type", "shape").AddColumn("bytes", column => column.RightAligned());
        foreach (SafetensorsEntry entry in entries)
            table.AddRow(Markup.Escape(TextOutput.Clean(entry.Name)), $"{entry.DType}", Markup.Escape($"{entry.Shape}"), Invariant($"{entry.ByteLength:N0}"));
        return table;
    }

    private static void Row(string title, string value) => Consoles.Out.MarkupLine($"[bold]{title,-10}[/] {Markup.Escape(TextOutput.Clean(value))}");
}
