namespace Kosmos2.Engine.Generation;

/// <summary>What is kept of each step besides scores.</summary>
[Flags]
internal enum StepOutputs
{
    None = 0,
    Logits = 1,
    HiddenStates = 2,
    Attentions = 4,
}

/// <summary>What a sequence's rows gave in one forward pass, as far as it was asked for.</summary>
/// <param name="Logits">[vocabulary] after the last row, before any processor.</param>
/// <param name="HiddenStates">[layers + 1] of [rows, width].</param>
/// <param name="Attentions">[layers] of [heads, rows, keys].</param>
internal sealed record StepOutput(float[]? Logits, float[][]? HiddenStates, float[][]? Attentions);
