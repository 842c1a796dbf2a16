using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;

namespace Kosmos2.Cli;

/// <summary>Reports failures as one line on stderr, and turns them into exit codes. KOSMOS2_TRACE=1 adds where they arose.</summary>
internal static class Failures
{
    /// <summary>Writes the line for an exception and returns its exit code.</summary>
    public static int Report(Exception exception)
    {
        if (exception is OperationCanceledException)
        {
            Console.Error.WriteLine("kosmos2: stopped");
            return ExitCode.Interrupted;
        }
        bool input = IsBadInput(exception);
        Line(input ? Message(exception) : $"{exception.GetType().Name}: {exception.Message} (unexpected; KOSMOS2_TRACE=1 shows where)");
        if (Environment.GetEnvironmentVariable("KOSMOS2_TRACE") == "1")
            Console.Error.WriteLine(exception);
        return input ? ExitCode.BadInput : ExitCode.Failed;
    }

    /// <summary>Writes one error line.</summary>
    public static void Line(string message) => Console.Error.WriteLine($"kosmos2: error: {OneLine(message)}");

    /// <summary>Whether what was given, or the machine, is at fault, rather than the program.</summary>
    public static bool IsBadInput(Exception exception) =>
        exception is UsageException or IOException or UnauthorizedAccessException or Kosmos2FormatException or DeviceUnavailableException
            or DeviceMemoryException or DeviceLostException or ArgumentException or NotSupportedException;

    // .NET adds the parameter's name, which means nothing here.
    private static string Message(Exception exception) => exception is ArgumentException { ParamName: { } name }
        ? exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
        : exception.Message;

    // A file's name may hold anything; it must neither break the line nor steer the terminal.
    private static string OneLine(string message) => string.Concat(message.ReplaceLineEndings(" ").Select(c => char.IsControl(c) ? '?' : c));
}
