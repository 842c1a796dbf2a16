namespace Kosmos2.Cli;

/// <summary>What the process returns.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The task itself failed, or a validation is out of tolerance.</summary>
    public const int Failed = 1;

    /// <summary>A picture, model, option or file that cannot be used.</summary>
    public const int BadInput = 2;

    /// <summary>Stopped by Ctrl-C, as shells report it.</summary>
    public const int Interrupted = 130;
}
