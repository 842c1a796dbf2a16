using System.Globalization;

namespace Kosmos2.Weights;

/// <summary>How the weights of some layers are stored as small integers: the <c>weights</c> of a config group.</summary>
/// <param name="Bits">8 or 4.</param>
/// <param name="GroupSize">Elements of a row that share a scale; 0 for one scale a row (compressed-tensors' strategy <c>channel</c>).</param>
/// <param name="Symmetric">Whether there are no zero points.</param>
public sealed record QuantizationScheme(int Bits, int GroupSize = 0, bool Symmetric = true)
{
    /// <summary>compressed-tensors' name of the layout: bytes as they are, or eight 4-bit elements in an I32.</summary>
    internal string Format => Bits == 8 ? IntQuantized : PackQuantized;

    internal const string IntQuantized = "int-quantized";
    internal const string PackQuantized = "pack-quantized";

    /// <summary>Elements that share a scale in a row of some width.</summary>
    internal int GroupSizeOf(long width) => GroupSize == 0 ? (int)Math.Max(width, 1) : (int)Math.Clamp(width, 1, GroupSize);

    /// <summary>As in <c>int4 in groups of 32</c>.</summary>
    public override string ToString()
    {
        string scales = GroupSize == 0 ? "with one scale a row" : string.Create(CultureInfo.InvariantCulture, $"in groups of {GroupSize}");
        return string.Create(CultureInfo.InvariantCulture, $"int{Bits} {scales}{(Symmetric ? "" : " with zero points")}");
    }

    /// <summary>Reads the <c>weights</c> of a config group.</summary>
    /// <param name="weights">The object.</param>
    /// <param name="format">The group's format, or that of the whole configuration.</param>
    internal static QuantizationScheme Read(JsonFields weights, string format)
    {
        string type = weights.Text("type", "int");
        if (type != "int")
            throw weights.Error("type", $"is {Kosmos2FormatException.Quote(type)}; supported is int");
        int bits = weights.Int32("num_bits", 8, 1, 64);
        if (format is not (IntQuantized or PackQuantized))
            throw weights.Error("num_bits", $"belongs to the format {Kosmos2FormatException.Quote(format)}; supported are {IntQuantized} and {PackQuantized}");
        if (bits != (format == IntQuantized ? 8 : 4))
            throw weights.Error("num_bits", $"is {bits} in the format {format}; supported are 8 in {IntQuantized} and 4 in {PackQuantized}");
        if (weights.Find("dynamic") is { } dynamic && dynamic.ValueKind is not (System.Text.Json.JsonValueKind.False or System.Text.Json.JsonValueKind.Null))
            throw weights.Error("dynamic", $"is {JsonFields.Show(dynamic)}; weights have fixed scales, so it must be false");
        string order = weights.TextOrNull("actorder") ?? "none";
        if (order is not ("none" or "weight" or "static"))
            throw weights.Error("actorder", $"is {Kosmos2FormatException.Quote(order)}; groups of columns in another order are not supported");
        string strategy = weights.Text("strategy", "channel");
        int groupSize = strategy switch
        {
            "channel" => 0,
            "group" => weights.Int32("group_size", 0, 1, ConfigFields.MaxWidth),
            _ => throw weights.Error("strategy", $"is {Kosmos2FormatException.Quote(strategy)}; supported are channel and group"),
        };
        return strategy == "group" && groupSize == 0
            ? throw weights.Error("group_size", "is missing; the strategy group needs it")
            : new QuantizationScheme(bits, groupSize, weights.Boolean("symmetric", true));
    }
}
