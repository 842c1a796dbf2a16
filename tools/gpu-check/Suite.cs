using System.Reflection;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;
using TestResult = NUnit.Framework.Interfaces.ITestResult;

namespace Kosmos2.GpuCheck;

/// <summary>The project's own tests of one category, run by NUnit inside this process: no test host, no SDK.</summary>
internal sealed class Suite(Assembly tests, TextWriter output) : ITestListener
{
    /// <summary>Runs them; each failure is printed as it happens.</summary>
    /// <param name="category">Their category.</param>
    /// <param name="fixture">The name of the one class to run, or null for all.</param>
    /// <param name="end">Stops them.</param>
    /// <returns>Whether some ran and none failed.</returns>
    /// <exception cref="OperationCanceledException">Not all could run.</exception>
    public bool Run(string category, string? fixture, CancellationToken end)
    {
        var runner = new NUnitTestAssemblyRunner(new DefaultTestAssemblyBuilder());
        runner.Load(tests, new Dictionary<string, object>());
        using CancellationTokenRegistration stop = end.Register(() => runner.StopRun());
        string classes = fixture is null ? "" : $"<class>{fixture}</class>";
        TestResult result = runner.Run(this, TestFilter.FromXml($"<filter><and><cat>{category}</cat>{classes}</and></filter>"));
        output.WriteLine($"{result.PassCount} passed, {result.FailCount} failed, {result.InconclusiveCount + result.SkipCount} not run");
        end.ThrowIfCancellationRequested();
        return result is { PassCount: > 0, FailCount: 0 };
    }

    public void TestFinished(TestResult result)
    {
        if (!result.HasChildren && result.ResultState.Status == TestStatus.Failed)
            output.WriteLine($"FAILED {result.FullName}\n{result.Message}");
    }

    public void TestStarted(ITest test)
    {
    }

    public void TestOutput(TestOutput output)
    {
    }

    public void SendMessage(TestMessage message)
    {
    }
}
