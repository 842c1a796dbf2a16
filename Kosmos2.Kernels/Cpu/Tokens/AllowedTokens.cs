namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>The tokens of a vocabulary that a rule allows.</summary>
/// <param name="rule">The rule.</param>
/// <param name="classes">[vocabulary] each token's class; may be null where the rule allows all.</param>
/// <param name="grid">The vocabulary's grid.</param>
internal readonly unsafe struct AllowedTokens(TokenRule rule, sbyte* classes, TokenGrid grid)
{
    /// <summary>Whether any token is not among them.</summary>
    public bool AreNarrow => rule.IsNarrow;

    /// <summary>Whether a token is among them.</summary>
    public bool Include(int token) => !rule.IsNarrow || rule.Allows(token, classes[token], grid);
}
