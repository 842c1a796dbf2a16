using System.CommandLine;
using Kosmos2.Cli.Tasks;

namespace Kosmos2.Cli.Commands;

/// <summary>The commands that ask the model about pictures.</summary>
internal static class TaskCommands
{
    private const string BoxForm = "x1,y1,x2,y2: fractions of the picture, or pixels where a number is above 1; may be repeated.";

    public static IEnumerable<Command> All() => [Caption(), Describe(), Ground(), Ask(), Refer(), Classify(), Score(), Run()];

    private static Command Caption()
    {
        var plain = new Option<bool>("--plain") { Description = "A caption without boxes." };
        return Make("caption", "Describe a picture in one sentence, with a box for each thing.", [plain], null,
            parse => TaskPrompts.Caption(grounded: !parse.GetValue(plain)),
            "kosmos2 caption scene.png",
            "kosmos2 caption scene.png --annotate boxes.png",
            "kosmos2 caption pictures/ 'more/**/*.jpg' --json > captions.jsonl");
    }

    private static Command Describe()
    {
        var plain = new Option<bool>("--plain") { Description = "A description without boxes." };
        return Make("describe", "Describe a picture in detail, with a box for each thing.", [plain], null,
            parse => TaskPrompts.Describe(grounded: !parse.GetValue(plain)),
            "kosmos2 describe scene.png",
            "kosmos2 describe scene.png --stream --plain");
    }

    private static Command Ground()
    {
        var phrase = new Argument<string>("PHRASE") { Description = "What to find, as in \"a red ring\"." };
        var caption = new Option<string?>("--caption") { Description = "A caption that holds PHRASE: find it in this context.", HelpName = "TEXT" };
        return Make("ground", "Find a phrase in a picture.", [caption], phrase,
            parse => TaskPrompts.Ground(Wanted(parse.GetRequiredValue(phrase), "PHRASE"), parse.GetValue(caption)),
            "kosmos2 ground scene.png \"a green cross\"",
            "kosmos2 ground scene.png \"a black triangle\" --caption \"An image of a green cross and a black triangle.\"",
            "kosmos2 ground *.png \"a red ring\" --crop rings/");
    }

    private static Command Ask()
    {
        var question = new Argument<string>("QUESTION") { Description = "As in \"How many shapes are there?\"." };
        var grounded = new Option<bool>("--grounded") { Description = "Let the answer have boxes." };
        var choice = new Option<string[]>("--choice") { Description = "An answer to choose from, by likelihood; repeat it for each.", HelpName = "TEXT" };
        var phrase = new Option<string?>("--phrase") { Description = "Words of QUESTION that --box shows.", HelpName = "TEXT" };
        Option<string[]> box = Boxes(required: false);
        return Make("ask", "Answer a question about a picture.", [grounded, choice, phrase, box], question,
            parse =>
            {
                TaskRequest request = TaskPrompts.Ask(
                    Wanted(parse.GetRequiredValue(question), "QUESTION"), parse.GetValue(grounded), parse.GetValue(phrase), Parsed(parse.GetValue(box)));
                return parse.GetValue(choice) is { Length: > 0 } choices ? request.AmongChoices(choices) : request;
            },
            "kosmos2 ask scene.png \"How many shapes are there?\"",
            "kosmos2 ask scene.png \"What color is the ring?\" --choice red --choice blue",
            "kosmos2 ask scene.png \"What is next to the ring?\" --phrase \"the ring\" --box 20,40,120,130 --grounded");
    }

    private static Command Refer()
    {
        Option<string[]> box = Boxes(required: true);
        var phrase = new Option<string>("--phrase") { Description = "What stands for the thing in the box.", DefaultValueFactory = _ => "It", HelpName = "TEXT" };
        var continuation = new Option<string>("--continue") { Description = "How the sentence goes on, as in \"seats next to\".", DefaultValueFactory = _ => "is", HelpName = "TEXT" };
        return Make("refer", "Say what is in a box.", [box, phrase, continuation], null,
            parse => TaskPrompts.Refer(
                Wanted(parse.GetRequiredValue(phrase), "--phrase"), Parsed(parse.GetRequiredValue(box)), Wanted(parse.GetRequiredValue(continuation), "--continue")),
            "kosmos2 refer scene.png --box 0.1,0.2,0.5,0.6",
            "kosmos2 refer scene.png --box 20,40,120,130 --continue \"seats next to\"");
    }

    private static Command Classify()
    {
        var label = new Option<string[]>("--label") { Description = "A label; repeat it for each.", HelpName = "TEXT" };
        var file = new Option<string?>("--labels") { Description = "A file of labels, one a line.", HelpName = "FILE" };
        var template = new Option<string>("--template") { Description = "The text, with {} for the label.", DefaultValueFactory = _ => "An image of {}.", HelpName = "TEXT" };
        return Make("classify", "Say which label fits a picture, by likelihood.", [label, file, template], null,
            parse => TaskPrompts.Classify(Labels(parse.GetValue(label), parse.GetValue(file)), parse.GetRequiredValue(template)),
            "kosmos2 classify scene.png --label \"a red ring\" --label \"a blue star\"",
            "kosmos2 classify pictures/ --labels labels.txt --json");
    }

    private static Command Score()
    {
        var text = new Argument<string>("TEXT") { Description = "As in \"An image of a red ring.\"." };
        return Make("score", "Say how likely a text is, given a picture.", [], text,
            parse => TaskPrompts.Score(Wanted(parse.GetRequiredValue(text), "TEXT")),
            "kosmos2 score scene.png \"An image of a white circle and a yellow cross.\"",
            "kosmos2 score pictures/ \"An image of a red ring.\" --json");
    }

    private static Command Run()
    {
        var prompt = new Option<string>("--prompt") { Description = "The text after the image, tags included.", Required = true, HelpName = "TEXT" };
        var shot = new Option<string[]>("--shot")
        {
            Description = "An example that comes first: an image and the text after it; may be repeated.",
            Arity = new ArgumentArity(2, 1000),
            AllowMultipleArgumentsPerToken = true,
            HelpName = "IMAGE TEXT",
        };
        return Make("run", "Continue any prompt.", [prompt, shot], null,
            parse => TaskPrompts.Run(parse.GetRequiredValue(prompt), [.. (parse.GetValue(shot) ?? []).Chunk(2).Select(Shot)]),
            "kosmos2 run scene.png --prompt \"<grounding> An image of\"",
            "kosmos2 run scene.png --prompt \"An image of\" --shot first.png \"An image of a red ring.\"");
    }

    private static Command Make(
        string name, string description, Option[] options, Argument<string>? last, Func<ParseResult, TaskRequest> request, params string[] examples)
    {
        var shared = new SharedOptions(leaveLast: last is not null, generates: name is not ("classify" or "score"));
        var command = new Command(name, description) { shared.Images };
        if (last is not null)
            command.Add(last);
        foreach (Option option in options)
            command.Add(option);
        shared.AddTo(command);
        command.SetAction((parse, cancellation) => TaskRunner.RunAsync(request(parse), shared.Read(parse), cancellation));
        return Examples.Attach(command, examples);
    }

    private static Option<string[]> Boxes(bool required) => new("--box") { Description = BoxForm, Required = required, HelpName = "BOX" };

    private static BoxArgument[] Parsed(string[]? boxes) => [.. (boxes ?? []).Select(BoxArgument.Parse)];

    private static Shot Shot(string[] pair) => pair is [string image, string text]
        ? new Shot(image, text)
        : throw new UsageException($"--shot {pair[0]}: an image and a text are wanted, as in --shot first.png \"An image of a red ring.\"");

    private static string[] Labels(string[]? labels, string? file)
    {
        string[] all = [.. labels ?? [], .. file is null ? [] : File.ReadLines(file).Select(line => line.Trim()).Where(line => line.Length > 0)];
        return all.Length > 0 ? all : throw new UsageException("labels are wanted: --label TEXT for each, or --labels FILE");
    }

    private static string Wanted(string text, string name) =>
        string.IsNullOrWhiteSpace(text) ? throw new UsageException($"{name}: some words are wanted, not an empty text") : text.Trim();
}
