using System.CommandLine;
using System.CommandLine.Parsing;

namespace Kosmos2.Cli.Commands;

/// <summary>The whole command line.</summary>
internal static class Kosmos2Command
{
    // Response files would make an image named @x.png unreadable; bundling would make one of -abc.png.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    /// <summary>Parses and runs a command line; returns the exit code. Failures come out as exceptions.</summary>
    public static async Task<int> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        RootCommand root = Build();
        ParseResult parse = root.Parse(arguments.Length == 0 ? ["--help"] : arguments, Parsing);
        if (parse.Errors.Count > 0 && parse.Action is not { ClearsParseErrors: true })
            throw new UsageException(Problem(parse, root));
        CheckOptionNames(parse, arguments);
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        return await parse.InvokeAsync(invocation, cancellation).ConfigureAwait(false);
    }

    private static string Problem(ParseResult parse, RootCommand root)
    {
        Command command = parse.CommandResult.Command;
        if (command == root && parse.UnmatchedTokens is [string token, ..])
            return $"'{token}' is no command (see kosmos2 --help)";
        string see = command == root ? "kosmos2" : $"kosmos2 {command.Name}";
        return $"{parse.Errors[0].Message.TrimEnd('.')} (see {see} --help)";
    }

    // Arguments take whatever no option claims: --jsn would silently become an image.
    private static void CheckOptionNames(ParseResult parse, string[] arguments)
    {
        int dashes = Array.IndexOf(arguments, "--");
        string[] before = dashes < 0 ? arguments : arguments[..dashes];
        string? wrong = parse.CommandResult.Children.OfType<ArgumentResult>().SelectMany(result => result.Tokens).Select(token => token.Value)
            .FirstOrDefault(value => value.Length > 1 && value[0] == '-' && before.Contains(value));
        if (wrong is not null)
            throw new UsageException($"'{wrong}' is no option of {parse.CommandResult.Command.Name} (a file of that name goes after --)");
    }

    private static RootCommand Build()
    {
        var root = new RootCommand("KOSMOS-2: captions, answers and boxes from pictures.");
        foreach (Command command in TaskCommands.All())
            root.Add(command);
        root.Add(InfoCommand.Make());
        root.Add(ValidateCommand.Make());
        root.Add(ParityCommand.Make());
        root.Add(QuantizeCommand.Make());
        root.Add(PackCommand.Make());
        root.Add(CompareCommand.Make());
        root.Add(SynthesizeCommand.Make());
        root.Add(DevicesCommand.Make());
        root.Add(KernelsCommand.Make());
        root.Add(BenchCommand.Make());
        Examples.Attach(root,
            "kosmos2 caption samples/pictures/scene-1.png",
            "kosmos2 caption samples/pictures --annotate boxes/",
            "kosmos2 ask scene.png \"What color is the ring?\"");
        Examples.ShowIn(root);
        return root;
    }
}
