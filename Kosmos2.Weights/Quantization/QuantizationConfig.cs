using System.Globalization;
using System.Text.Json;

namespace Kosmos2.Weights;

/// <summary>
/// <c>quantization_config</c> of config.json as the compressed-tensors library writes it: which modules' weights are small integers, and how they
/// are stored. What it says of activations is kept and has no effect: products are computed with the activations as they are.
/// </summary>
/// <remarks>https://github.com/vllm-project/compressed-tensors, version 0.20.</remarks>
public sealed class QuantizationConfig
{
    private const string Method = "compressed-tensors";
    private const int MostNamed = 3;

    private readonly JsonElement _json;
    private readonly (ModuleTargets Targets, QuantizationScheme Scheme)[] _groups;
    private readonly ModuleTargets _ignore;

    private QuantizationConfig(JsonElement json, (ModuleTargets Targets, QuantizationScheme Scheme)[] groups, ModuleTargets ignore)
    {
        _json = json;
        _groups = groups;
        _ignore = ignore;
    }

    /// <summary>The schemes of all groups.</summary>
    public IReadOnlyList<QuantizationScheme> Schemes => [.. _groups.Select(g => g.Scheme)];

    /// <summary>Whether the file asks that activations be quantized as well, token by token. They are not: results are those of exact activations.</summary>
    public bool NamesActivations { get; private init; }

    /// <summary>As in <c>compressed-tensors: int4 in groups of 32 (Linear)</c>.</summary>
    public override string ToString()
    {
        IEnumerable<string> groups = _groups.Select(g => $"{g.Scheme} ({Shown([.. g.Targets.Names])})");
        return $"{Method}: {string.Join("; ", groups)}";
    }

    /// <summary>The scheme of a module's weight; null when the module is left as it is.</summary>
    /// <param name="module">As in <c>text_model.model.layers.0.ffn.fc1</c>.</param>
    /// <param name="moduleClass">torch's name of its class: <c>Linear</c>, <c>Embedding</c>.</param>
    internal QuantizationScheme? SchemeOf(string module, string moduleClass)
    {
        if (_ignore.Match(module, moduleClass) > 0)
            return null;
        (int match, QuantizationScheme? scheme) = (0, null);
        foreach ((ModuleTargets targets, QuantizationScheme candidate) in _groups)
        {
            int found = targets.Match(module, moduleClass);
            if (found > match)
                (match, scheme) = (found, candidate);
        }

        return scheme;
    }

    internal void Write(Utf8JsonWriter writer) => _json.WriteTo(writer);

    /// <summary>Reads the object; refuses by name whatever would change the numbers and is not computed here.</summary>
    internal static QuantizationConfig Read(JsonFields fields, JsonElement json)
    {
        string method = fields.Text("quant_method", "unknown");
        if (method != Method)
            throw fields.Error("quant_method", $"is {Kosmos2FormatException.Quote(method)}; supported is {Method}");
        string status = fields.TextOrNull("quantization_status") ?? "compressed";
        if (status != "compressed")
            throw fields.Error("quantization_status", $"is {Kosmos2FormatException.Quote(status)}; supported is compressed");
        RefuseUnlessEmpty(fields, "kv_cache_scheme", "quantized key/value caches");
        RefuseUnlessEmpty(fields, "transform_config", "transformed weights");
        if (fields.Object("sparsity_config") is { } sparsity && sparsity.Text("format", "dense") != "dense")
            throw fields.Error("sparsity_config", "is not dense; sparse weights are not supported");

        string format = fields.Text("format", QuantizationScheme.IntQuantized);
        var groups = new List<(ModuleTargets Targets, QuantizationScheme Scheme)>();
        bool activations = false;
        if (fields.Object("config_groups") is { } named)
        {
            foreach (string name in named.Others().Keys)
            {
                JsonFields group = named.Object(name) ?? throw named.Error(name, "is null; it must be an object");
                JsonFields weights = group.Object("weights") ?? throw group.Error("weights", "is missing; groups without quantized weights are not supported");
                RefuseUnlessEmpty(group, "output_activations", "quantized outputs");
                activations |= ReadActivations(group);
                groups.Add((Targets(group, "targets"), QuantizationScheme.Read(weights, group.TextOrNull("format") ?? format)));
            }
        }

        if (groups.Count == 0)
            throw fields.Error("config_groups", "names no group of quantized weights");
        return new QuantizationConfig(json, [.. groups], Targets(fields, "ignore")) { NamesActivations = activations };
    }

    /// <summary>Activations quantized on the fly can be left exact; with stored scales the weights may lean on them.</summary>
    private static bool ReadActivations(JsonFields group)
    {
        if (group.Object("input_activations") is not { } activations)
            return false;
        return activations.Boolean("dynamic", false)
            ? true
            : throw activations.Error("dynamic", "is false; activations with stored scales are not supported");
    }

    private static ModuleTargets Targets(JsonFields fields, string name) =>
        ModuleTargets.TryCreate(fields.Texts(name), out string problem) ?? throw fields.Error(name, problem);

    private static void RefuseUnlessEmpty(JsonFields fields, string name, string what)
    {
        if (fields.Object(name) is { } value && value.Others().Count > 0)
            throw fields.Error(name, $"is set; {what} are not supported");
    }

    // Of many targets, as those of a whole encoder are, how many there are says more.
    private static string Shown(string[] targets) =>
        targets.Length > MostNamed ? string.Create(CultureInfo.InvariantCulture, $"{targets.Length} modules") : string.Join(", ", targets.Select(Shown));

    private static string Shown(string target) => target.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.') ? target : Kosmos2FormatException.Quote(target);
}
