using System.CommandLine;
using Kosmos2.Cli.Tasks;

namespace Kosmos2.Cli.Commands;

/// <summary>The commands that ask the model about pictures.</summary>
internal static class TaskCommands
{
    public static IEnumerable<Command> All() => [Caption(), Describe(), Ground(), Ask(), Refer(), Run()];

    private static Command Caption()
    {
        var plain = new Option<bool>("--plain") { Description = "A caption without boxes." };
        return Make("caption", "Describe a picture in one sentence, with a box for each thing.", [plain],
            parse => TaskPrompts.Caption(grounded: !parse.GetValue(plain)),
            "kosmos2 caption scene.png",
            "kosmos2 caption scene.png --annotate boxes.png",
            "kosmos2 caption pictures/ 'more/**/*.jpg' --json > captions.jsonl");
    }

    private static Command Describe()
    {
        var plain = new Option<bool>("--plain") { Description = "A description without boxes." };
        return Make("describe", "Describe a picture in detail, with a box for each thing.", [plain],
            parse => TaskPrompts.Describe(grounded: !parse.GetValue(plain)),
            "kosmos2 describe scene.png",
            "kosmos2 describe scene.png --stream --plain");
    }

    private static Command Ground()
    {
        var phrase = new Argument<string>("PHRASE") { Description = "What to find, as in \"a red ring\"." };
        return Make("ground", "Find a phrase in a picture.", [],
            parse => TaskPrompts.Ground(Wanted(parse.GetRequiredValue(phrase), "PHRASE")),
            phrase,
            "kosmos2 ground scene.png \"a green cross\"",
            "kosmos2 ground *.png \"a red ring\" --crop rings/");
    }

    private static Command Ask()
    {
        var question = new Argument<string>("QUESTION") { Description = "As in \"How many shapes are there?\"." };
        var grounded = new Option<bool>("--grounded") { Description = "Let the answer have boxes." };
        return Make("ask", "Answer a question about a picture.", [grounded],
            parse => TaskPrompts.Ask(Wanted(parse.GetRequiredValue(question), "QUESTION"), parse.GetValue(grounded)),
            question,
            "kosmos2 ask scene.png \"How many shapes are there?\"",
            "kosmos2 ask scene.png \"What color is the ring?\" --json");
    }

    private static Command Refer()
    {
        const string Description = "x1,y1,x2,y2: fractions of the picture, or pixels where a number is above 1.";
        var box = new Option<string>("--box") { Description = Description, Required = true, HelpName = "BOX" };
        return Make("refer", "Say what is in a box.", [box],
            parse => TaskPrompts.Refer(BoxArgument.Parse(parse.GetRequiredValue(box))),
            "kosmos2 refer scene.png --box 0.1,0.2,0.5,0.6",
            "kosmos2 refer scene.png --box 20,40,120,130");
    }

    private static Command Run()
    {
        var prompt = new Option<string>("--prompt") { Description = "The text after the image, tags included.", Required = true, HelpName = "TEXT" };
        return Make("run", "Continue any prompt.", [prompt],
            parse => new TaskRequest("run", _ => parse.GetRequiredValue(prompt)),
            "kosmos2 run scene.png --prompt \"<grounding> An image of\"",
            "kosmos2 run scene.png --prompt \"<grounding><phrase> It</phrase><object><patch_index_0044><patch_index_0863></object> is\"");
    }

    private static Command Make(
        string name, string description, Option[] options, Func<ParseResult, TaskRequest> request, params string[] examples) =>
        Make(name, description, options, request, null, examples);

    private static Command Make(
        string name, string description, Option[] options, Func<ParseResult, TaskRequest> request, Argument<string>? last, params string[] examples)
    {
        var shared = new SharedOptions(leaveLast: last is not null);
        var command = new Command(name, description) { shared.Images };
        if (last is not null)
            command.Add(last);
        foreach (Option option in options)
            command.Add(option);
        shared.AddTo(command);
        command.SetAction((parse, cancellation) => TaskRunner.RunAsync(request(parse), shared.Read(parse), cancellation));
        return Examples.Attach(command, examples);
    }

    private static string Wanted(string text, string name) =>
        string.IsNullOrWhiteSpace(text) ? throw new UsageException($"{name}: some words are wanted, not an empty text") : text.Trim();
}
