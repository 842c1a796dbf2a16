using System.Diagnostics;
using Kosmos2.Cli.Commands;

namespace Kosmos2.GpuCheck;

/// <summary>Runs one thing after another under headings, and remembers what failed: a failure ends its step, not the run.</summary>
internal sealed class Steps(TextWriter output)
{
    private readonly List<string> _failed = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>Runs one step.</summary>
    /// <param name="name">Its heading.</param>
    /// <param name="body">Whether it succeeded.</param>
    public async Task Run(string name, Func<Task<bool>> body)
    {
        output.WriteLine($"\n=== {name}");
        TimeSpan start = _clock.Elapsed;
        bool passed;
        try
        {
            passed = await body();
        }
        catch (Exception e)
        {
            output.WriteLine(e);
            passed = false;
        }
        output.WriteLine($"--- {name}: {(passed ? "" : "FAILED after ")}{(_clock.Elapsed - start).TotalSeconds:F0} s");
        if (!passed)
            _failed.Add(name);
    }

    /// <summary>Runs the <c>kosmos2</c> command in this process.</summary>
    public Task Command(params string[] arguments) => Run($"kosmos2 {string.Join(' ', arguments)}", async () =>
        await Kosmos2Command.RunAsync(arguments, CancellationToken.None) == 0);

    /// <summary>Names what failed.</summary>
    /// <returns>The process's exit code.</returns>
    public int Finish()
    {
        output.WriteLine($"\n{_clock.Elapsed.TotalSeconds:F0} s");
        foreach (string name in _failed)
            output.WriteLine($"failed: {name}");
        return _failed.Count == 0 ? 0 : 1;
    }
}
