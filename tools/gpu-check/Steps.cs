using System.Diagnostics;
using Kosmos2.Cli.Commands;
using Kosmos2.Engine.Measurement;

namespace Kosmos2.GpuCheck;

/// <summary>
/// Runs one thing after another under headings, and remembers what failed: a failure ends its step, not the run. Once the time is up the step that runs is asked to
/// stop, and those after it are skipped.
/// </summary>
internal sealed class Steps(TextWriter output, TimeSpan time) : IDisposable
{
    private readonly List<string> _incomplete = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly CancellationTokenSource _end = new(time);

    /// <summary>Runs one step.</summary>
    /// <param name="name">Its heading.</param>
    /// <param name="body">Whether it succeeded; its token says that the time is up.</param>
    /// <returns>Null, or why it did not succeed.</returns>
    public async Task<string?> Run(string name, Func<CancellationToken, Task<bool>> body)
    {
        output.WriteLine($"\n=== {name}");
        TimeSpan start = _clock.Elapsed;
        bool skipped = _end.IsCancellationRequested, passed = false;
        try
        {
            passed = !skipped && await body(_end.Token);
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            output.WriteLine(e);
        }
        string took = $"{(_clock.Elapsed - start).TotalSeconds:F0} s", end = $"{time.TotalSeconds:F0} s are over";
        string outcome = passed ? took : skipped ? $"SKIPPED, {end}" : _end.IsCancellationRequested ? $"STOPPED after {took}, {end}" : $"FAILED after {took}";
        output.WriteLine($"--- {name}: {outcome}");
        if (passed)
            return null;
        string problem = $"{name}: {outcome}";
        _incomplete.Add(problem);
        return problem;
    }

    /// <summary>Runs a step that finds something out.</summary>
    public async Task<Measured<T>> Measure<T>(string name, Func<CancellationToken, T> body)
    {
        T value = default!;
        string? problem = await Run(name, end =>
        {
            value = body(end);
            return Task.FromResult(true);
        });
        return new Measured<T>(value, problem);
    }

    /// <summary>Runs the <c>kosmos2</c> command in this process.</summary>
    public Task Command(params string[] arguments) => Run($"kosmos2 {string.Join(' ', arguments)}", async end =>
        await Kosmos2Command.RunAsync(arguments, end) == 0);

    /// <summary>Names what is not complete.</summary>
    /// <returns>The process's exit code.</returns>
    public int Finish()
    {
        output.WriteLine($"\n{_clock.Elapsed.TotalSeconds:F0} s");
        foreach (string step in _incomplete)
            output.WriteLine(step);
        return _incomplete.Count == 0 ? 0 : 1;
    }

    public void Dispose() => _end.Dispose();
}
