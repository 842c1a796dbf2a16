using System.Text.Json;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Hugging Face's <c>bboxes</c>: for one text null or a list with an entry a phrase, each null, a box, or a list of boxes; for several texts null or a list of such.
/// A box is two integers (patches) or four floats (fractions of the picture).
/// </summary>
/// <param name="markedTuples">As for <see cref="ProcessorCall.Read"/>.</param>
internal sealed class BoxArguments(bool markedTuples)
{
    private const string Kinds = "null, a box of two integers (patches) or four numbers with a point (fractions), or a list of such boxes";

    /// <summary>Reads the boxes of each text.</summary>
    public IReadOnlyList<IReadOnlyList<PhraseBox>?>?[] Read(JsonElement? bboxes, int texts, bool isBatch)
    {
        var boxes = new IReadOnlyList<IReadOnlyList<PhraseBox>?>?[texts];
        if (bboxes is not { } value)
            return boxes;
        if (!isBatch)
        {
            boxes[0] = OfText(value, "bboxes");
            return boxes;
        }
        if (value.ValueKind != JsonValueKind.Array || IsBox(value))
            throw new ArgumentException($"bboxes of a batch of texts must be null or a list with an entry for each text, not {CallArguments.Show(value)}");
        if (value.GetArrayLength() != texts)
            throw new ArgumentException($"bboxes must have an entry for each text; there are {texts} texts and {value.GetArrayLength()} entries");
        for (int i = 0; i < texts; i++)
            boxes[i] = OfText(value[i], $"bboxes[{i}]");
        return boxes;
    }

    private List<IReadOnlyList<PhraseBox>?>? OfText(JsonElement value, string where)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.Array || IsBox(value))
            throw new ArgumentException($"{where}, the boxes of one text, must be null or a list with an entry for each phrase, not {CallArguments.Show(value)}");
        return [.. value.EnumerateArray().Select((entry, i) => OfPhrase(entry, $"{where}[{i}]"))];
    }

    private List<PhraseBox>? OfPhrase(JsonElement value, string where)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return null;
        bool isList = value.ValueKind == JsonValueKind.Array && !IsBox(value);
        return isList ? [.. value.EnumerateArray().Select((box, i) => Box(box, $"{where}[{i}]"))] : [Box(value, where)];
    }

    private PhraseBox Box(JsonElement value, string where)
    {
        JsonElement[] numbers = IsBox(value) ? [.. (markedTuples ? value.GetProperty("tuple") : value).EnumerateArray()] : [];
        if (numbers.Length == 2 && numbers.All(IsInteger))
            return (numbers[0].GetInt32(), numbers[1].GetInt32());
        // Where tuples are not marked the writer may have been JavaScript, which has no 1.0.
        if (numbers.Length == 4 && numbers.All(number => number.ValueKind == JsonValueKind.Number && !(markedTuples && IsWhole(number))))
            return new Box(numbers[0].GetDouble(), numbers[1].GetDouble(), numbers[2].GetDouble(), numbers[3].GetDouble());
        throw new ArgumentException($"{where} must be {Kinds}, not {CallArguments.Show(value)}");
    }

    /// <summary>Whether a value stands for a tuple, of whatever length.</summary>
    private bool IsBox(JsonElement value) => markedTuples
        ? value.ValueKind == JsonValueKind.Object && value.TryGetProperty("tuple", out JsonElement items) && items.ValueKind == JsonValueKind.Array
        : value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number);

    private static bool IsInteger(JsonElement number) => number.ValueKind == JsonValueKind.Number && IsWhole(number) && number.TryGetInt32(out _);

    private static bool IsWhole(JsonElement number) => !number.GetRawText().AsSpan().ContainsAny('.', 'e', 'E');
}
