using Spectre.Console;

namespace Kosmos2.Cli.Output;

/// <summary>Says on stderr what is going on, where stderr is a terminal.</summary>
internal static class Activity
{
    private static bool Visible => Consoles.Error.Profile.Capabilities.Interactive && Consoles.Error.Profile.Capabilities.Ansi;

    /// <summary>Runs work under a line that says what it is.</summary>
    public static T Show<T>(string title, Func<T> work) =>
        Visible ? Consoles.Error.Status().Spinner(Spinner.Known.Dots).Start(Markup.Escape(title), _ => work()) : work();

    /// <summary>Runs work under a bar that fills with the bytes it reports.</summary>
    public static void ShowBytes(string title, long total, Action<IProgress<long>?> work)
    {
        if (!Visible)
        {
            work(null);
            return;
        }
        ProgressColumn[] columns = [new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()];
        Consoles.Error.Progress().Columns(columns).Start(context =>
        {
            ProgressTask task = context.AddTask(Markup.Escape(title), maxValue: total);
            work(new Reports(task));
        });
    }

    /// <summary>A line that stays.</summary>
    public static void Note(string text)
    {
        if (Visible)
            Consoles.Error.MarkupLine($"[grey]{Markup.Escape(TextOutput.Clean(text))}[/]");
    }

    // Not Progress<T>, which would hand each report to another thread.
    private sealed class Reports(ProgressTask task) : IProgress<long>
    {
        public void Report(long value) => task.Value = value;
    }
}
