using System.Globalization;
using System.Text.Json;

namespace Kosmos2.Weights;

/// <summary>
/// The image processor's configuration (<c>preprocessor_config.json</c>, Hugging Face's CLIPImageProcessor). Fields that the file leaves
/// out have that class's defaults; without the file everything is as the real model has it: squashed to 224 x 224.
/// </summary>
public sealed record PreprocessorConfig
{
    internal const string FileName = "preprocessor_config.json";

    /// <summary>Whether grey, palette and transparent pictures are made RGB. The engine takes RGB only, so it does not matter here.</summary>
    public bool DoConvertRgb { get; init; } = true;

    /// <summary>Whether the picture is resized, to <see cref="Size"/>.</summary>
    public bool DoResize { get; init; } = true;

    /// <summary>What the picture is resized to.</summary>
    public ResizeTarget Size { get; init; } = ResizeTarget.Exactly(224, 224);

    /// <summary>Pillow's number of the filter: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming.</summary>
    public int Resample { get; init; } = 3;

    /// <summary>Whether the middle is cut out after resizing, padded with black where the picture is smaller.</summary>
    public bool DoCenterCrop { get; init; } = true;

    /// <summary>Height of the middle in pixels.</summary>
    public int CropHeight { get; init; } = 224;

    /// <summary>Width of the middle in pixels.</summary>
    public int CropWidth { get; init; } = 224;

    /// <summary>Whether bytes are multiplied by <see cref="RescaleFactor"/>.</summary>
    public bool DoRescale { get; init; } = true;

    /// <summary>Factor on a byte.</summary>
    public double RescaleFactor { get; init; } = 1 / 255.0;

    /// <summary>Whether channels are normalised: (x - mean) / std.</summary>
    public bool DoNormalize { get; init; } = true;

    /// <summary>Mean of each channel: R, G, B.</summary>
    public IReadOnlyList<double> ImageMean { get; init; } = [0.48145466, 0.4578275, 0.40821073];

    /// <summary>Standard deviation of each channel: R, G, B; none is 0.</summary>
    public IReadOnlyList<double> ImageStd { get; init; } = [0.26862954, 0.26130258, 0.27577711];

    /// <summary>The size that every picture comes out in; null where that is up to the picture.</summary>
    internal (int Height, int Width)? OutputSize => DoCenterCrop ? (CropHeight, CropWidth)
        : DoResize && Size.ShortestEdge is null ? (Size.Height, Size.Width)
        : null;

    /// <summary>Reads a model folder's configuration.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="ConfigurationException">A field has a value that is wrong or not supported.</exception>
    public static PreprocessorConfig Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return JsonFields.ReadIfPresent(Path.Combine(folder, FileName)) is { } fields ? From(fields) : new();
    }

    /// <summary>Reads the text of a configuration.</summary>
    /// <param name="utf8">The JSON.</param>
    /// <param name="name">What messages call it.</param>
    internal static PreprocessorConfig Parse(ReadOnlyMemory<byte> utf8, string name) => From(JsonFields.Parse(name, utf8));

    private static PreprocessorConfig From(JsonFields fields)
    {
        var defaults = new PreprocessorConfig();
        (int cropHeight, int cropWidth) = ReadCrop(fields);
        var config = new PreprocessorConfig
        {
            DoConvertRgb = fields.Boolean("do_convert_rgb", defaults.DoConvertRgb),
            DoResize = fields.Boolean("do_resize", defaults.DoResize),
            Size = ReadSize(fields),
            Resample = fields.Int32("resample", defaults.Resample, 0, 5),
            DoCenterCrop = fields.Boolean("do_center_crop", defaults.DoCenterCrop),
            CropHeight = cropHeight,
            CropWidth = cropWidth,
            DoRescale = fields.Boolean("do_rescale", defaults.DoRescale),
            RescaleFactor = fields.Double("rescale_factor", defaults.RescaleFactor, double.MinValue, double.MaxValue),
            DoNormalize = fields.Boolean("do_normalize", defaults.DoNormalize),
            ImageMean = ReadChannels(fields, "image_mean", defaults.ImageMean),
            ImageStd = ReadChannels(fields, "image_std", defaults.ImageStd),
        };
        // As they are computed with: 1e-60 is 0 there.
        foreach (double std in config.ImageStd)
        {
            if (!float.IsNormal((float)std))
                throw fields.Error("image_std", string.Create(CultureInfo.InvariantCulture, $"holds {std}, which would be divided by as a float of 32 bits"));
        }
        if (!config.ImageMean.All(mean => float.IsFinite((float)mean)))
            throw fields.Error("image_mean", "holds a number that is too large for a float of 32 bits");
        return config;
    }

    /// <summary>224, [height, width], {"height", "width"} or {"shortest_edge"}; <c>use_square_size</c> turns an edge into a square.</summary>
    private static ResizeTarget ReadSize(JsonFields fields)
    {
        const string Field = "size";
        bool square = fields.Boolean("use_square_size", false);
        ResizeTarget target = ResizeTarget.ShorterSide(224);
        if (fields.Find(Field) is { ValueKind: JsonValueKind.Object })
        {
            JsonFields size = fields.Object(Field)!;
            bool hasEdge = size.Find("shortest_edge") is not null;
            target = hasEdge
                ? ResizeTarget.ShorterSide(Required(size, "shortest_edge"))
                : ResizeTarget.Exactly(Required(size, "height"), Required(size, "width"));
            string problem = hasEdge ? "cannot stand beside shortest_edge" : "is not supported; a size has height and width, or shortest_edge";
            if (size.Others().Keys.FirstOrDefault() is { } other)
                throw size.Error(other, problem);
        }
        else if (fields.Find(Field) is { ValueKind: not JsonValueKind.Null } value)
        {
            target = ReadPair(fields, Field, value) is { } pair
                ? ResizeTarget.Exactly(pair.Height, pair.Width)
                : ResizeTarget.ShorterSide(fields.Int32(Field, 0, 1, ConfigFields.MaxImageSize));
        }

        return square && target.ShortestEdge is { } edge ? ResizeTarget.Exactly(edge, edge) : target;
    }

    /// <summary>224, [height, width] or {"height", "width"}.</summary>
    private static (int Height, int Width) ReadCrop(JsonFields fields)
    {
        const string Field = "crop_size";
        if (fields.Find(Field) is not { ValueKind: not JsonValueKind.Null } value)
            return (224, 224);
        if (value.ValueKind == JsonValueKind.Object)
        {
            JsonFields size = fields.Object(Field)!;
            return (Required(size, "height"), Required(size, "width"));
        }

        if (ReadPair(fields, Field, value) is { } pair)
            return pair;
        int side = fields.Int32(Field, 0, 1, ConfigFields.MaxImageSize);
        return (side, side);
    }

    private static (int Height, int Width)? ReadPair(JsonFields fields, string field, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
            return null;
        JsonElement[] items = [.. value.EnumerateArray()];
        static bool IsSide(JsonElement item) =>
            item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int side) && side is >= 1 and <= ConfigFields.MaxImageSize;
        return items.Length == 2 && items.All(IsSide)
            ? (items[0].GetInt32(), items[1].GetInt32())
            : throw fields.Error(field, $"is an array; it must be [height, width], each between 1 and {ConfigFields.MaxImageSize}");
    }

    private static int Required(JsonFields size, string field) => size.Find(field) is null
        ? throw size.Error(field, "is missing")
        : size.Int32(field, 0, 1, ConfigFields.MaxImageSize);

    /// <summary>Three numbers, or one for all channels.</summary>
    private static IReadOnlyList<double> ReadChannels(JsonFields fields, string field, IReadOnlyList<double> fallback)
    {
        if (fields.Find(field) is not { ValueKind: not JsonValueKind.Null } value)
            return fallback;
        if (value.ValueKind == JsonValueKind.Number)
        {
            double all = fields.Double(field, 0, double.MinValue, double.MaxValue);
            return [all, all, all];
        }

        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [];
        double[] channels = [.. items.Select(i => i.ValueKind == JsonValueKind.Number && i.TryGetDouble(out double x) ? x : double.NaN)];
        return channels.Length == 3 && channels.All(double.IsFinite)
            ? channels
            : throw fields.Error(field, "must be a number or an array of three");
    }
}
