using System.Text.Json;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine.Validation;

/// <summary>processor.jsonl: calls of the processor, and their outputs or the error that they raise. Of a picture only the shape of its pixels is compared.</summary>
internal sealed class ProcessorReference : IReferenceKind
{
    // Only the pixels' shape is compared, which is the same for every picture.
    private static readonly RgbImage Picture = new(1, 1, new byte[3]);

    public bool Knows(string path) => Path.GetFileName(path) == "processor.jsonl";

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        string name = context.NameOf(path);
        if (context.TokenizerFor(path) is not { } tokenizer)
            return [Tally.None(name, "its vocabulary is not here (--tokenizer)")];
        var tally = new Tally(name);
        foreach ((int line, Case one) in ReferenceLines.Read(path, Case.Parse))
        {
            var processor = new Kosmos2Processor(tokenizer, new Kosmos2ImageProcessor(), paddingSide: one.Side);
            tally.Add($"line {line}, {one.Name}, padding side {one.Side.ToString().ToLowerInvariant()}", one.Compare(processor));
        }
        return [tally.Result()];
    }

    private sealed record Case(string Name, PaddingSide Side, JsonElement Arguments, string? Error, Outputs? Outputs)
    {
        public static Case Parse(JsonElement json)
        {
            string? error = json.TryGetProperty("error", out JsonElement kind) ? kind.GetString() : null;
            PaddingSide side = json.Text("padding_side") switch
            {
                "left" => PaddingSide.Left,
                "right" => PaddingSide.Right,
                var other => throw new FormatException($"padding_side is {other}"),
            };
            return new Case(json.Text("name"), side, json.Field("arguments"), error, error is null ? Outputs.Parse(json) : null);
        }

        public string? Compare(Kosmos2Processor processor)
        {
            try
            {
                ProcessorOutput output = ProcessorCall.Read(Arguments, _ => Picture, markedTuples: true).Run(processor);
                return Outputs is null ? $"it is accepted, the reference raises {Error}" : Outputs.Compare(output);
            }
            catch (ArgumentException refusal)
            {
                return Error is not null ? null : $"it is refused ({refusal.Message}), the reference accepts it";
            }
        }
    }

    private sealed record Outputs(int[][] InputIds, int[][] AttentionMask, int[][]? ImageEmbedsPositionMask, int[]? PixelShape)
    {
        public static Outputs Parse(JsonElement json)
        {
            JsonElement outputs = json.Field("outputs");
            int[]? shape = json.TryGetProperty("pixel_values_shape", out JsonElement pixels) ? pixels.Ints() : null;
            return new Outputs(Rows(outputs, "input_ids") ?? [], Rows(outputs, "attention_mask") ?? [], Rows(outputs, "image_embeds_position_mask"), shape);
        }

        public string? Compare(ProcessorOutput output)
        {
            int[]? shape = output.PixelValues is { } p ? [p.Images, PixelValues.Channels, p.Height, p.Width] : null;
            return Difference.Between("input_ids", output.InputIds, InputIds)
                ?? Difference.Between("attention_mask", output.AttentionMask, AttentionMask)
                ?? Difference.Between("image_embeds_position_mask", output.ImageEmbedsPositionMask, ImageEmbedsPositionMask)
                ?? Difference.Between("shape of pixel_values", shape is null ? null : [shape], PixelShape is null ? null : [PixelShape]);
        }

        /// <summary>A matrix, or the only row of one.</summary>
        private static int[][]? Rows(JsonElement outputs, string key)
        {
            if (!outputs.TryGetProperty(key, out JsonElement rows))
                return null;
            bool isMatrix = rows.GetArrayLength() > 0 && rows[0].ValueKind == JsonValueKind.Array;
            return isMatrix ? [.. rows.EnumerateArray().Select(row => row.Ints())] : [rows.Ints()];
        }
    }
}
