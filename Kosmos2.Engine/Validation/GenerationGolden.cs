using Kosmos2.Engine.Model;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Validation;

/// <summary>Generates with the settings of a generation.json and compares with what Hugging Face generated.</summary>
internal static class GenerationGolden
{
    /// <summary>Runs every case. The first runs its prompts anew each time; the others fork caches in which the prompts have been run.</summary>
    /// <param name="model">The model, its position table as precise as the reference's (<see cref="ModelGolden"/> sees to that).</param>
    /// <param name="golden">The file beside it, which holds the prompts: <c>pixel_values</c> and the rows of <c>batch.*</c>.</param>
    /// <param name="cases">The cases.</param>
    public static List<CaseResult> Run(Kosmos2Model model, GoldenFile golden, IReadOnlyList<GenerationCase> cases)
    {
        Shape shape = golden.ShapeOf("pixel_values"); // [count, 3, height, width]
        using ImageEmbeddings images = model.EncodeImages(golden.Floats("pixel_values"), (int)shape[0], (int)shape[2], (int)shape[3]);
        SequenceInput[] prompts = [.. PaddedBatch.ToSequences(
            golden.Rows("batch.input_ids"), golden.Rows("batch.attention_mask"), golden.Rows("batch.image_embeds_position_mask"),
            model.Config.TextConfig.PadTokenId).Select(s => s.Sequence)];
        int[][] tokens = [.. prompts.Select(p => p.TokenIds)];
        KeyValueCache[] caches = [.. prompts.Select(_ => model.CreateCache())];
        try
        {
            model.Forward([.. prompts.Zip(caches, AllButLast)], images, LogitRows.None);
            SequenceInput[] last = [.. tokens.Zip(caches, (ids, cache) => new SequenceInput { TokenIds = [ids[^1]], Cache = cache })];
            return [.. cases.Select((one, i) => RunCase(one, i == 0 ? prompts : last))];
        }
        finally
        {
            foreach (KeyValueCache cache in caches)
                cache.Dispose();
        }

        CaseResult RunCase(GenerationCase one, SequenceInput[] inputs)
        {
            string? difference = one.Run(model.GenerationDefaults, tokens, rows => model.StartSession([.. rows.Select(row => inputs[row])], images));
            return new CaseResult(one.Name, difference is null, difference);
        }
    }

    private static SequenceInput AllButLast(SequenceInput prompt, KeyValueCache cache) => new()
    {
        TokenIds = prompt.TokenIds[..^1],
        GivenRows = prompt.GivenRows?[..^1],
        AttentionMask = prompt.AttentionMask?[..^1],
        Cache = cache,
    };
}
