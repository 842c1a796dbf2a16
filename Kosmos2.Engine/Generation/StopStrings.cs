namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>stop_strings</c>: whether the last token of a sequence completes one of several texts, at its end or inside it. The text may begin in
/// earlier tokens, even in the prompt.
/// </summary>
internal sealed class StopStrings(IReadOnlyList<string> texts, TokenDecoder decoder)
{
    // A text of n characters lies in the last n tokens that have any; some to spare for tokens that have none.
    private readonly int _window = texts.Max(t => t.Length) + 16;

    public bool CompletedBy(ReadOnlySpan<int> tokens)
    {
        ReadOnlySpan<int> window = tokens[Math.Max(0, tokens.Length - _window)..];
        string before = decoder(window[..^1]);
        string now = decoder(window);
        int old = before.AsSpan().CommonPrefixLength(now);
        foreach (string text in texts)
        {
            // Only what ends beyond the old text is the last token's doing.
            int from = Math.Max(0, old - text.Length + 1);
            if (now.AsSpan(from).Contains(text, StringComparison.Ordinal))
                return true;
        }
        return false;
    }
}
