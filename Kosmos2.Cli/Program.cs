using System.Runtime.InteropServices;
using Kosmos2.Cli;
using Kosmos2.Cli.Commands;

// The first Ctrl-C (or a polite kill) stops the work between two tokens; a second one ends the process at once.
using var stop = new CancellationTokenSource();
using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    return await Kosmos2Command.RunAsync(args, stop.Token).ConfigureAwait(false);
}
catch (Exception e)
{
    return Failures.Report(e);
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}
