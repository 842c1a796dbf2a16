using System.Diagnostics;

namespace Kosmos2.Tests.Cli;

/// <summary>What a run of the command left.</summary>
internal sealed record CliResult(int ExitCode, string Out, string Error)
{
    /// <summary>The lines of stdout.</summary>
    public string[] Lines => Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public override string ToString() => $"exit code {ExitCode}\nstdout:\n{Out}\nstderr:\n{Error}";
}

/// <summary>Starts the real executable, as it was built next to the tests, with its streams piped.</summary>
internal static class CliProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static Task<CliResult> RunAsync(params string[] arguments) => RunAsync(Start(arguments));

    /// <summary>Waits for the end.</summary>
    public static async Task<CliResult> RunAsync(Process process)
    {
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
            process.StandardInput.Close();
            using var timed = new CancellationTokenSource(Limit);
            try
            {
                await process.WaitForExitAsync(timed.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                Assert.Fail($"kosmos2 ran longer than {Limit}\n{await output}\n{await error}");
            }
            return new CliResult(process.ExitCode, await output, await error);
        }
    }

    /// <summary>Starts it without waiting.</summary>
    public static Process Start(IEnumerable<string> arguments, string? folder = null, params (string Name, string Value)[] environment) =>
        Start(new ProcessStartInfo("dotnet"), arguments, folder, environment);

    /// <summary>
    /// Starts it so that it hears Ctrl-C, without waiting. A shell starts what runs in its background deaf to it, and so would be all that these
    /// tests start.
    /// </summary>
    public static Process StartInterruptible(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(OperatingSystem.IsLinux() ? "env" : "dotnet");
        if (OperatingSystem.IsLinux())
        {
            start.ArgumentList.Add("--default-signal=INT");
            start.ArgumentList.Add("dotnet");
        }
        return Start(start, arguments, null, []);
    }

    private static Process Start(ProcessStartInfo start, IEnumerable<string> arguments, string? folder, (string Name, string Value)[] environment)
    {

        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = folder ?? TestData.Root;
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "kosmos2.dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment.Remove("KOSMOS2_TRACE");
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
