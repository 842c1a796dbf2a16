using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Kosmos2.Bench;

/// <summary>BenchmarkDotNet in this process: the backends' threads and the peers' sessions stay warm, and nothing is built anew for each case.</summary>
internal static class Quick
{
    public static IConfig Configuration { get; } =
        DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
}
