using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>The sections of a step's table that say how tokens are chosen.</summary>
internal readonly record struct ChoiceViews(
    ArrayView<int> Choices, ArrayView<int> Rules, ArrayView<int> BanStarts, ArrayView<int> Bans, ArrayView<int> PenalisedStarts, ArrayView<int> Penalised)
{
    /// <summary>An output's choice, word by word: ILGPU's views of structures must begin at a multiple of their size.</summary>
    public TokenChoice ChoiceOf(int output)
    {
        int word = output * TokenChoice.Words;
        return new TokenChoice(
            Interop.IntAsFloat((uint)Choices[word]),
            Choices[word + 1],
            (uint)Choices[word + 2],
            Interop.IntAsFloat((uint)Choices[word + 3]),
            (uint)Choices[word + 4]);
    }

    /// <summary>An output's rule.</summary>
    public TokenRule RuleOf(int output)
    {
        int word = output * TokenRule.Words;
        return new TokenRule((uint)Rules[word], Rules[word + 1], Rules[word + 2], (TokenReading)Rules[word + 3], Rules[word + 4]);
    }
}

/// <summary>A vocabulary by classes.</summary>
/// <param name="Numbers">[vocabulary] each token's class; any bytes where no rule asks.</param>
/// <param name="Grid">The tokens that are cells.</param>
internal readonly record struct ClassViews(ArrayView<sbyte> Numbers, TokenGrid Grid);
