namespace Kosmos2.Kernels;

/// <summary>
/// How <see cref="IBackend.SelectTokens"/> chooses an output's token. The default is the likeliest one. Otherwise a token is drawn: logits of tokens in
/// the step's Penalised are divided by <see cref="Penalty"/> when positive and multiplied when negative; all are divided by <see cref="Temperature"/>;
/// banned tokens go; those below the <see cref="TopK"/>-th largest score go, its equals stay; of the rest the unlikeliest go, of equals those with
/// lower ids first, while their share together is at most <see cref="Tail"/>, but never the last; and the token is the first one, by id, at which the
/// shares of those that stay come to more than <see cref="Uniform"/>.
/// </summary>
/// <remarks>Fractions are 32-bit integers, so that every device compares the same numbers.</remarks>
/// <param name="Temperature">Divides the scores, above 0; 0 for the likeliest token of unchanged logits.</param>
/// <param name="TopK">Tokens to draw from, at least 1; <see cref="int.MaxValue"/> for all.</param>
/// <param name="Tail">Share of the probability that is cut off, in 2^-32: 1 - top_p.</param>
/// <param name="Penalty">Repetition penalty, above 0; 1 for none.</param>
/// <param name="Uniform">A random number from 0 to below 1, in 2^-32.</param>
public readonly record struct TokenChoice(float Temperature, int TopK, uint Tail, float Penalty, uint Uniform)
{
    /// <summary>Integers that a choice takes in a table.</summary>
    internal const int Words = 5;

    /// <summary>Whether anything but the likeliest of unchanged logits is chosen.</summary>
    public bool IsDrawn => Temperature > 0;

    /// <summary>A draw from all tokens; narrow it by <c>with</c>.</summary>
    /// <param name="temperature">Divides the scores.</param>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not a number above 0.</exception>
    public static TokenChoice Drawn(float temperature) => temperature > 0 && float.IsFinite(temperature)
        ? new TokenChoice(temperature, int.MaxValue, 0, 1, 0)
        : throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "the temperature must be a number above 0");

    /// <summary>A number from 0 to 1 as a fraction of 2^32, rounded down; 1 as the largest.</summary>
    public static uint Fraction(double number) => (uint)Math.Clamp(number * (1L << 32), 0, uint.MaxValue);
}
