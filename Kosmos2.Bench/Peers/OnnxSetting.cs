using Microsoft.ML.OnnxRuntime;

namespace Kosmos2.Bench.Peers;

/// <summary>A way to set ONNX Runtime up; which is the fastest depends on the machine, so all are tried.</summary>
internal sealed record OnnxSetting(string Name, Action<SessionOptions> Apply)
{
    /// <summary>As it comes.</summary>
    public static OnnxSetting Default { get; } = new("default", _ => { });

    /// <summary>The ways.</summary>
    public static OnnxSetting[] All { get; } =
    [
        Default,
        new("threads-sleep", options => options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0")),
        new("no-prepacking", options => options.AddSessionConfigEntry("session.disable_prepacking", "1")),
    ];

    /// <summary>The options of a session.</summary>
    public SessionOptions Options(int threads)
    {
        var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
        };
        Apply(options);
        return options;
    }
}
