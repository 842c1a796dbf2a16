using System.CommandLine;
using Kosmos2.Cli.Output;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine.Validation;
using Kosmos2.Imaging;

namespace Kosmos2.Cli.Commands;

/// <summary>Compares everything with a folder of reference outputs, file by file.</summary>
internal static class ParityCommand
{
    public static Command Make()
    {
        var folder = new Argument<string>("DIR") { Description = "A folder of reference files (or one): tokenizer.jsonl, golden.safetensors, and so on." };
        Option<string?> tokenizer = Place("--tokenizer", "The vocabulary of tokenizer.jsonl and processor.jsonl; else kosmos2-tokenizer in or above DIR.");
        Option<string?> images = Place("--images", "The pictures of pixels-*.safetensors; else images beside the file, in or above DIR.");
        Option<string?> fullSize = Place("--full-size", "The checkpoint that synthesize makes; without it the full size is left out.");
        var json = new Option<bool>("--json") { Description = "One JSON object a file instead of text, and one for the total." };
        var options = new ModelOptions();
        var command = new Command("parity", "Compare text, pictures and models with a folder of reference outputs.") { folder, tokenizer, images, fullSize, json };
        options.AddTo(command);
        command.SetAction((parse, cancellation) =>
        {
            ModelChoice choice = options.Read(parse);
            var parity = new ParityOptions
            {
                Tokenizer = parse.GetValue(tokenizer),
                Images = parse.GetValue(images),
                Model = choice.Folder is null ? ModelFolder.FindShipped() : ModelFolder.Find(choice.Folder),
                FullSizeModel = parse.GetValue(fullSize),
                Engine = choice.Engine,
                LoadPicture = path => Picture.Load(path),
            };
            ParityOutput output = parse.GetValue(json) ? new ParityJson() : new ParityText();
            string path = parse.GetRequiredValue(folder);
            return Task.Run(() => Run(path, parity, output, cancellation), cancellation);
        });
        return Examples.Attach(command,
            "kosmos2 parity Kosmos2.Tests/Data",
            "kosmos2 parity Kosmos2.Tests/Data/models --device opencl",
            "kosmos2 parity reference/ --tokenizer kosmos-2-patch14-224/ --json");
    }

    private static int Run(string path, ParityOptions options, ParityOutput output, CancellationToken cancellation)
    {
        foreach (ParityResult result in Parity.Run(path, options, cancellation))
            output.Add(result);
        output.Finish();
        return output.AllEqual ? ExitCode.Ok : ExitCode.Failed;
    }

    private static Option<string?> Place(string name, string description) => new(name) { Description = description, HelpName = "DIR" };
}
