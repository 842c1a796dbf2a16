/// <summary>
/// What .NET calls in a process before its program, where DOTNET_STARTUP_HOOKS names this assembly; it knows the class by this name, outside of all namespaces. As the process
/// ends it writes what Linux counted of it, /proc/self/status, to the file that <see cref="Variable"/> names.
/// </summary>
internal static class StartupHook
{
    public const string Variable = "KOSMOS2_TESTS_STATUS";

    public static void Initialize() => AppDomain.CurrentDomain.ProcessExit += (_, _) => File.WriteAllText(Environment.GetEnvironmentVariable(Variable)!, File.ReadAllText("/proc/self/status"));
}
