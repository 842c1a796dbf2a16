using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class ProcessorGoldenTests
{
    [Test]
    public void Every_case_of_hugging_face_is_equal_or_refused_alike()
    {
        Kosmos2Tokenizer tokenizer = Kosmos2Tokenizer.Load(TestData.Shared("kosmos2-tokenizer"));
        int equal = 0, refused = 0, inexpressible = 0;
        foreach (JsonElement golden in JsonLines.Read(TestData.Shared("reference", "processor", "processor.jsonl")))
        {
            string name = $"{golden.GetProperty("name")} ({golden.GetProperty("padding_side")})";
            JsonElement arguments = golden.GetProperty("arguments");
            PaddingSide side = golden.GetProperty("padding_side").GetString() == "left" ? PaddingSide.Left : PaddingSide.Right;
            var processor = new Kosmos2Processor(tokenizer, new Kosmos2ImageProcessor(), paddingSide: side);
            bool fails = golden.TryGetProperty("error", out JsonElement error);
            if (Inputs(arguments) is not { } inputs)
            {
                Assert.That(fails, Is.True, $"{name}: not expressible in C#, but Hugging Face accepts it");
                inexpressible++;
                continue;
            }
            bool single = arguments.TryGetProperty("text", out JsonElement text) && text.ValueKind == JsonValueKind.String && inputs.Count == 1;
            ProcessorOutput Run() => single ? processor.Process(inputs[0], Options(arguments)) : processor.Process(inputs, Options(arguments));
            if (fails)
            {
                Assert.That(error.GetString(), Is.EqualTo("ValueError"), name);
                Assert.That(Run, Throws.ArgumentException, name);
                refused++;
                continue;
            }
            Check(name, golden, Run());
            equal++;
        }
        Assert.That((equal, refused, inexpressible), Is.EqualTo((54, 12, 10)));
    }

    private static void Check(string name, JsonElement golden, ProcessorOutput output)
    {
        JsonElement outputs = golden.GetProperty("outputs");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(output.InputIds, Is.EqualTo(Rows(outputs, "input_ids") ?? []), name);
            Assert.That(output.AttentionMask, Is.EqualTo(Rows(outputs, "attention_mask") ?? []), name);
            Assert.That(output.ImageEmbedsPositionMask, Is.EqualTo(Rows(outputs, "image_embeds_position_mask")), name);
            int[]? shape = golden.TryGetProperty("pixel_values_shape", out JsonElement pixels) ? pixels.Ints() : null;
            int[]? made = output.PixelValues is { } p ? [p.Images, PixelValues.Channels, p.Height, p.Width] : null;
            Assert.That(made, Is.EqualTo(shape), name);
        }
    }

    private static int[][]? Rows(JsonElement outputs, string key)
    {
        if (!outputs.TryGetProperty(key, out JsonElement rows))
            return null;
        return rows.GetArrayLength() > 0 && rows[0].ValueKind == JsonValueKind.Array ? [.. rows.EnumerateArray().Select(row => row.Ints())] : [rows.Ints()];
    }

    /// <summary>The arguments as inputs; null for what the types do not allow.</summary>
    private static List<ProcessorInput>? Inputs(JsonElement arguments)
    {
        JsonElement[] texts = Items(arguments, "text");
        JsonElement[] images = Items(arguments, "images");
        bool batch = arguments.TryGetProperty("text", out JsonElement text) && text.ValueKind == JsonValueKind.Array;
        bool hasBoxes = arguments.TryGetProperty("bboxes", out JsonElement bboxes) && bboxes.ValueKind != JsonValueKind.Null;
        if (hasBoxes && (bboxes.ValueKind != JsonValueKind.Array || (batch && bboxes.GetArrayLength() != texts.Length)))
            return null;
        var image = new RgbImage(1, 1, [1, 2, 3]);
        var inputs = new List<ProcessorInput>();
        for (int i = 0; i < Math.Max(texts.Length, images.Length); i++)
        {
            JsonElement boxes = !hasBoxes ? default : batch ? bboxes[i] : bboxes;
            List<List<PhraseBox>?>? parsed = null;
            if (boxes.ValueKind == JsonValueKind.Array && !TryBoxes(boxes, out parsed))
                return null;
            inputs.Add(new ProcessorInput { Text = i < texts.Length ? texts[i].GetString() : null, Image = i < images.Length ? image : null, Boxes = parsed });
        }
        return inputs;
    }

    private static JsonElement[] Items(JsonElement arguments, string key)
    {
        if (!arguments.TryGetProperty(key, out JsonElement value))
            return [];
        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
    }

    private static bool TryBoxes(JsonElement list, out List<List<PhraseBox>?> boxes)
    {
        boxes = [];
        foreach (JsonElement entry in list.EnumerateArray())
        {
            JsonElement[] tuples = entry.ValueKind == JsonValueKind.Array ? [.. entry.EnumerateArray()] : [entry];
            if (entry.ValueKind == JsonValueKind.Null)
            {
                boxes.Add(null);
                continue;
            }
            var phrase = new List<PhraseBox>();
            foreach (JsonElement tuple in tuples)
            {
                if (tuple.ValueKind != JsonValueKind.Object || Box(tuple.GetProperty("tuple")) is not { } box)
                    return false;
                phrase.Add(box);
            }
            boxes.Add(phrase);
        }
        return true;
    }

    private static PhraseBox? Box(JsonElement tuple)
    {
        bool whole = tuple.EnumerateArray().All(number => number.TryGetInt32(out _) && !number.GetRawText().Contains('.', StringComparison.Ordinal));
        return (tuple.GetArrayLength(), whole) switch
        {
            (2, true) => (tuple[0].GetInt32(), tuple[1].GetInt32()),
            (4, false) => new Box(tuple[0].GetDouble(), tuple[1].GetDouble(), tuple[2].GetDouble(), tuple[3].GetDouble()),
            _ => null,
        };
    }

    private static ProcessorOptions Options(JsonElement arguments)
    {
        JsonElement padding = arguments.TryGetProperty("padding", out JsonElement value) ? value : default;
        return new ProcessorOptions
        {
            AllowBoxesOutside = true,
            AddSpecialTokens = Flag("add_special_tokens", true),
            AddEosToken = Flag("add_eos_token", false),
            Truncation = Flag("truncation", false),
            NumImageTokens = Number("num_image_tokens") ?? 64,
            FirstImageTokenId = Number("first_image_token_id"),
            MaxLength = Number("max_length"),
            PadToMultipleOf = Number("pad_to_multiple_of"),
            Padding = padding.ValueKind switch
            {
                JsonValueKind.True => PaddingStrategy.Longest,
                JsonValueKind.String => PaddingStrategy.MaxLength,
                _ => PaddingStrategy.None,
            },
        };

        bool Flag(string key, bool fallback) => arguments.TryGetProperty(key, out JsonElement flag) ? flag.GetBoolean() : fallback;
        int? Number(string key) => arguments.TryGetProperty(key, out JsonElement number) ? number.GetInt32() : null;
    }
}
