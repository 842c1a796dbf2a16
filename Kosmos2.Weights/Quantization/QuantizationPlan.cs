using System.Text.Json;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>Which weights of a model get which format, and the configuration that says so.</summary>
internal sealed class QuantizationPlan
{
    private readonly Dictionary<string, CatalogEntry> _entries;
    private readonly QuantizeOptions _options;
    private readonly ModuleTargets _keep;
    private readonly WeightFormat _encoder;

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">An option is unusable.</exception>
    public QuantizationPlan(Kosmos2Config config, QuantizeOptions options)
    {
        if (options.Format == WeightFormat.Stored)
            throw new ArgumentException("the format must be bf16, int8 or int4", nameof(options));
        if (options.GroupSize is not (32 or 64 or 128))
            throw new ArgumentException($"a group has 32, 64 or 128 weights, not {options.GroupSize}", nameof(options));
        _entries = TensorCatalog.For(config).ToDictionary(t => t.Name, StringComparer.Ordinal);
        _options = options;
        _encoder = options.Encoder ?? (options.Format == WeightFormat.Int4 ? WeightFormat.Int8 : options.Format);
        _keep = ModuleTargets.TryCreate(options.Keep, out string problem) ?? throw new ArgumentException($"keep {problem}", nameof(options));
    }

    /// <summary>The format of a tensor, by its released name.</summary>
    public WeightFormat FormatOf(string name, DType stored)
    {
        if (!stored.IsFloatingPoint() || !_entries.TryGetValue(name, out CatalogEntry? entry) || _keep.Match(entry.Module, entry.ModuleClass) > 0)
            return WeightFormat.Stored;
        if (entry.Module is "text_model.model.embed_tokens" or "text_model.lm_head")
            return Fitting(entry, _options.Embedding ?? (_options.Format == WeightFormat.BFloat16 ? WeightFormat.BFloat16 : WeightFormat.Int8));

        // Norms and biases are next to no bytes, and an error in them goes into every output.
        WeightFormat format = entry.Module.StartsWith("text_model.", StringComparison.Ordinal) ? _options.Format : _encoder;
        return entry.ModuleClass == TensorCatalog.Linear || (format == WeightFormat.BFloat16 && entry.Shape.Rank > 1) ? Fitting(entry, format) : WeightFormat.Stored;
    }

    /// <summary>The scheme of a format of integers.</summary>
    public QuantizationScheme SchemeOf(WeightFormat format) => Scheme(format, _options.GroupSize);

    /// <summary>The scheme of a format of integers, for a group size.</summary>
    public static QuantizationScheme Scheme(WeightFormat format, int groupSize) =>
        format == WeightFormat.Int8 ? new QuantizationScheme(8) : new QuantizationScheme(4, groupSize);

    /// <summary>Whether a matrix can be quantized: compressed-tensors wants rows that groups divide.</summary>
    public static bool Fits(Shape shape, QuantizationScheme scheme) =>
        shape.Rank == 2 && shape[1] > 0 && (scheme.GroupSize == 0 || shape[1] <= scheme.GroupSize || shape[1] % scheme.GroupSize == 0);

    /// <summary>The configuration of the new checkpoint.</summary>
    /// <param name="config">The old one's.</param>
    /// <param name="formats">The format of each of its tensors.</param>
    public Kosmos2Config Configure(Kosmos2Config config, IReadOnlyDictionary<string, WeightFormat> formats)
    {
        var fields = new Dictionary<string, JsonElement>(config.OtherFields, StringComparer.Ordinal);
        if (_options.Format == WeightFormat.BFloat16)
        {
            fields.Remove("torch_dtype");
            fields["dtype"] = JsonSerializer.SerializeToElement("bfloat16");
        }

        config = config with { OtherFields = fields };
        CatalogEntry[] modules = [.. _entries.Values.Where(e => e.ModuleClass.Length > 0 && formats.ContainsKey(e.Name))];
        bool IsInteger(CatalogEntry entry) => formats[entry.Name] is WeightFormat.Int8 or WeightFormat.Int4;
        if (!modules.Any(IsInteger))
            return config;

        // Linear layers by class, but for those left out; anything else by name.
        CatalogEntry[] linear = [.. modules.Where(e => e.ModuleClass == TensorCatalog.Linear)];
        var groups = new Dictionary<string, object>();
        foreach (IGrouping<(WeightFormat Format, bool IsLinear, bool ByClass), CatalogEntry> group in modules.Where(IsInteger).GroupBy(
            e => (formats[e.Name], e.ModuleClass == TensorCatalog.Linear, e.ModuleClass == TensorCatalog.Linear && formats[e.Name] == _options.Format)))
        {
            string[] targets = group.Key.ByClass ? [TensorCatalog.Linear] : [.. group.Select(e => e.Module)];
            groups[$"group_{groups.Count}"] = Group(SchemeOf(group.Key.Format), targets, rows: group.Key is { Format: WeightFormat.Int8, IsLinear: true });
        }

        // A tied head has no weight of its own, and no scheme.
        string[] ignore = [.. linear.Where(e => !IsInteger(e)).Select(e => e.Module)];
        const string Head = "text_model.lm_head";
        if (!formats.ContainsKey(Head + ".weight"))
            ignore = [.. ignore, Head];
        string format = groups.Count == 1 ? modules.Where(IsInteger).Select(e => SchemeOf(formats[e.Name]).Format).First() : "mixed-precision";
        JsonElement json = JsonSerializer.SerializeToElement(new Dictionary<string, object?>
        {
            ["config_groups"] = groups,
            ["format"] = format,
            ["global_compression_ratio"] = null,
            ["ignore"] = ignore,
            ["kv_cache_scheme"] = null,
            ["moe_sparsity_config"] = null,
            ["quant_method"] = "compressed-tensors",
            ["quantization_status"] = "compressed",
            ["sparsity_config"] = new Dictionary<string, object>(),
            ["transform_config"] = new Dictionary<string, object>(),
            ["version"] = "0.20.0",
        });
        var document = JsonFields.Parse("config.json", JsonSerializer.SerializeToUtf8Bytes(json));
        return config with { QuantizationConfig = QuantizationConfig.Read(document, json) };
    }

    // What multiplies 8-bit weights is meant to be rounded to 8 bits on its way, row by row, as our fast products do.
    private static Dictionary<string, object?> Group(QuantizationScheme scheme, string[] targets, bool rows) => new()
    {
        ["format"] = scheme.Format,
        ["input_activations"] = rows ? Integers(8, dynamic: true, "token", null) : null,
        ["output_activations"] = null,
        ["targets"] = targets,
        ["weights"] = scheme.GroupSize == 0 ? Integers(scheme.Bits, dynamic: false, "channel", null) : Integers(scheme.Bits, dynamic: false, "group", scheme.GroupSize),
    };

    private static Dictionary<string, object?> Integers(int bits, bool dynamic, string strategy, int? groupSize) => new()
    {
        ["dynamic"] = dynamic,
        ["group_size"] = groupSize,
        ["num_bits"] = bits,
        ["strategy"] = strategy,
        ["symmetric"] = true,
        ["type"] = "int",
    };

    private WeightFormat Fitting(CatalogEntry entry, WeightFormat format) =>
        format is WeightFormat.Int8 or WeightFormat.Int4 && !Fits(entry.Shape, SchemeOf(format)) ? WeightFormat.Stored : format;
}
