using Kosmos2.Engine.Measurement;

namespace Kosmos2.Tests.Engine.Measurement;

/// <summary>Reports that nothing was measured for.</summary>
internal static class MadeUpReport
{
    /// <summary>One of some parts.</summary>
    public static BenchReport Of(params BenchFigure[] figures) => new()
    {
        Processor = "",
        Device = "",
        Limits = null,
        Ready = 1,
        ColdFirstToken = 1,
        PromptTokens = 1,
        AnswerTokens = 1,
        Answer = new BestAnswer(),
        Figures = figures,
        PeakMemory = 1,
        WeightBytes = 1,
    };
}
