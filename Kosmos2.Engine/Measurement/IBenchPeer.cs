namespace Kosmos2.Engine.Measurement;

/// <summary>Another program that answers the <see cref="BenchPrompt"/>, in turns with ours.</summary>
internal interface IBenchPeer
{
    /// <summary>Compares results, before any time counts.</summary>
    /// <param name="ours">Our model.</param>
    void Check(TimedModel ours);

    /// <summary>As <see cref="TimedModel.Answer"/>.</summary>
    AnswerTimes Answer(int tokens);
}
