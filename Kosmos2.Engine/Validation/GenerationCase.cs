using System.Globalization;
using System.Text.Json.Nodes;
using Kosmos2.Engine.Generation;

namespace Kosmos2.Engine.Validation;

/// <summary>What a row of a generation case must give.</summary>
/// <param name="NewTokens">One list for each returned sequence, padded to the longest.</param>
/// <param name="SequenceScores">Beam search: each returned sequence's score.</param>
/// <param name="ChosenScores">Otherwise: the chosen token's score at each step.</param>
/// <param name="SmallestMargin">The smallest lead of a chosen token over the next best; null where nothing was recorded.</param>
internal sealed record GenerationCaseRow(
    IReadOnlyList<int[]> NewTokens, IReadOnlyList<float>? SequenceScores, IReadOnlyList<float>? ChosenScores, float? SmallestMargin);

/// <summary>Settings, and what Hugging Face generated with them for each of a file's prompts.</summary>
internal sealed class GenerationCase(string name, JsonObject settings, IReadOnlyList<GenerationCaseRow> rows)
{
    /// <summary>Below this lead a sum in another order may choose another token.</summary>
    private const float ClearMargin = 1e-4f;

    /// <summary>The case's name.</summary>
    public string Name => name;

    /// <summary>One for each prompt.</summary>
    public IReadOnlyList<GenerationCaseRow> Rows => rows;

    /// <summary>The settings for a prompt. In these files <c>max_length</c> counts from the prompt's end.</summary>
    public GenerationConfig ConfigFor(int promptLength)
    {
        var own = (JsonObject)settings.DeepClone();
        if (own["max_length"] is JsonValue length)
            own["max_length"] = length.GetValue<int>() + promptLength;
        return GenerationConfig.Parse(own.ToJsonString(), $"case {name}");
    }

    /// <summary>
    /// Runs the case: each row by itself, then all rows with equal settings as one batch, and where the device can choose the tokens, that too.
    /// </summary>
    /// <param name="defaults">The checkpoint's own settings.</param>
    /// <param name="prompts">The prompts' tokens, one for each row.</param>
    /// <param name="open">Opens a session for some of the prompts, by their indices.</param>
    /// <returns>The first difference, or null when there is none.</returns>
    public string? Run(GenerationConfig defaults, IReadOnlyList<int[]> prompts, Func<IReadOnlyList<int>, IDecodeSession> open)
    {
        if (prompts.Count != rows.Count)
            return $"the case has {rows.Count} rows, but there are {prompts.Count} prompts";
        for (int row = 0; row < rows.Count; row++)
        {
            if (Compare([row], ConfigFor(prompts[row].Length).Over(defaults), prompts, open) is { } difference)
                return difference;
        }

        // Only max_length differs from row to row.
        foreach (IGrouping<int, int> together in Enumerable.Range(0, rows.Count).GroupBy(row => ConfigFor(prompts[row].Length).MaxLength ?? 0))
        {
            int[] indices = [.. together];
            if (indices.Length > 1 && Compare(indices, ConfigFor(prompts[indices[0]].Length).Over(defaults), prompts, open) is { } difference)
                return $"as a batch: {difference}";
        }
        return null;
    }

    private string? Compare(
        int[] indices, GenerationConfig config, IReadOnlyList<int[]> prompts, Func<IReadOnlyList<int>, IDecodeSession> open)
    {
        GenerationResult result = Generate(config with { OutputScores = ScoreOutput.Chosen });
        string? difference = null;
        for (int i = 0; i < indices.Length && difference is null; i++)
            difference = Compare(indices[i], rows[indices[i]], [.. result.Sequences.Where(s => s.Prompt == i)], result.PadTokenId);
        if (difference is not null || config.NumBeams > 1 || indices.Length == 1)
            return difference;

        GenerationResult fast = Generate(config with { OutputScores = ScoreOutput.None });
        for (int i = 0; i < indices.Length && difference is null; i++)
        {
            if (!fast.Sequences[i].Tokens.SequenceEqual(result.Sequences[i].Tokens))
                difference = $"row {indices[i]}: without scores the tokens are {Show(fast.Sequences[i].Tokens)}, with scores {Show(result.Sequences[i].Tokens)}";
        }
        return difference;

        GenerationResult Generate(GenerationConfig settings)
        {
            using IDecodeSession session = open(indices);
            return Generator.Generate(session, [.. indices.Select(i => prompts[i])], settings);
        }
    }

    private static string? Compare(int index, GenerationCaseRow expected, GeneratedSequence[] found, int padTokenId)
    {
        string where = $"row {index}";
        if (found.Length != expected.NewTokens.Count)
            return $"{where}: {found.Length} sequences, expected {expected.NewTokens.Count}";
        int longest = found.Max(s => s.Tokens.Count);
        for (int i = 0; i < found.Length; i++)
        {
            int[] padded = [.. found[i].Tokens, .. Enumerable.Repeat(padTokenId, longest - found[i].Tokens.Count)];
            if (!padded.SequenceEqual(expected.NewTokens[i]))
            {
                return expected.SmallestMargin <= ClearMargin ? null : $"{where}, sequence {i}: {Show(padded)}, expected {Show(expected.NewTokens[i])}";
            }
        }
        return CompareScores($"{where}: sequence score", [.. found.Select(s => s.Score ?? float.NaN)], expected.SequenceScores)
            ?? CompareScores($"{where}: chosen score", found[0].ChosenScores, expected.ChosenScores);
    }

    private static string? CompareScores(string what, IReadOnlyList<float>? found, IReadOnlyList<float>? expected)
    {
        if (expected is null)
            return null;
        if (found?.Count != expected.Count)
            return $"{what}s: {found?.Count ?? 0} numbers, expected {expected.Count}";
        for (int i = 0; i < expected.Count; i++)
        {
            if (!(Math.Abs(found[i] - expected[i]) <= Tolerance.Float32.Absolute + (Tolerance.Float32.Relative * Math.Abs(expected[i]))))
                return string.Create(CultureInfo.InvariantCulture, $"{what} {i} is {found[i]}, expected {expected[i]}");
        }
        return null;
    }

    private static string Show(IEnumerable<int> tokens) => $"[{string.Join(' ', tokens)}]";
}
