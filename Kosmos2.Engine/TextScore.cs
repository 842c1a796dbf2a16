namespace Kosmos2.Engine;

/// <summary>How likely the model finds a text, given what stands before it. Natural logarithms.</summary>
/// <param name="Text">The text, with its tags if it has phrases.</param>
/// <param name="Tokens">Its tokens.</param>
/// <param name="LogProbabilities">For each token the logarithm of its probability after all that stands before it.</param>
public sealed record TextScore(string Text, IReadOnlyList<int> Tokens, IReadOnlyList<double> LogProbabilities)
{
    /// <summary>Logarithm of the whole text's probability: the sum over its tokens. Longer texts have lower ones.</summary>
    public double LogLikelihood => LogProbabilities.Sum();

    /// <summary>The mean over the tokens, which compares texts of different lengths.</summary>
    public double MeanLogProbability => LogProbabilities.Average();
}

/// <summary>One of several texts that were compared.</summary>
/// <param name="Index">Its place among those given.</param>
/// <param name="Text">The text as given.</param>
/// <param name="Probability">Its share, 0 to 1; those of all the texts add up to 1.</param>
/// <param name="Score">What the share was computed from.</param>
public sealed record RankedText(int Index, string Text, double Probability, TextScore Score);
