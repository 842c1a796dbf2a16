namespace Kosmos2.Engine.Measurement;

/// <summary>How long an answer took, part by part.</summary>
/// <param name="Encode">Seconds from pixels to the picture's rows.</param>
/// <param name="Prefill">Seconds from there to the first token.</param>
/// <param name="Steps">Seconds of each further token.</param>
/// <param name="Tokens">The tokens, one more than there are steps.</param>
internal sealed record AnswerTimes(double Encode, double Prefill, double[] Steps, int[] Tokens)
{
    /// <summary>Seconds to the first token.</summary>
    public double FirstToken => Encode + Prefill;

    /// <summary>Seconds of the whole answer.</summary>
    public double Total => FirstToken + Steps.Sum();
}

/// <summary>
/// The best of several answers, part by part: the same work each time, so whatever else the machine did only added to it.
/// </summary>
internal sealed class BestAnswer
{
    public double Encode { get; private set; } = double.PositiveInfinity;

    public double Prefill { get; private set; } = double.PositiveInfinity;

    /// <summary>Seconds of a token after the first.</summary>
    public double Step { get; private set; } = double.PositiveInfinity;

    /// <summary>Seconds to the first token, of one answer.</summary>
    public double FirstToken { get; private set; } = double.PositiveInfinity;

    /// <summary>Seconds of one whole answer.</summary>
    public double Total { get; private set; } = double.PositiveInfinity;

    /// <summary>The last answer's tokens.</summary>
    public int[] Tokens { get; private set; } = [];

    /// <summary>Counts an answer of full length.</summary>
    public void Add(AnswerTimes answer)
    {
        AddParts(answer);
        Total = Math.Min(Total, answer.Total);
        Tokens = answer.Tokens;
    }

    /// <summary>Counts the parts of an answer that may be shorter.</summary>
    public void AddParts(AnswerTimes answer)
    {
        Encode = Math.Min(Encode, answer.Encode);
        Prefill = Math.Min(Prefill, answer.Prefill);
        Step = Math.Min(Step, answer.Steps.DefaultIfEmpty(Step).Min());
        FirstToken = Math.Min(FirstToken, answer.FirstToken);
    }
}
