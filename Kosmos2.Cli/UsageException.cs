namespace Kosmos2.Cli;

/// <summary>The command line asks for something that cannot be done. The message is one line.</summary>
internal sealed class UsageException(string message, Exception? inner = null) : Exception(message, inner);
