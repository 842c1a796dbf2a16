using System.Text.Json;

namespace Kosmos2.Engine.Measurement;

/// <summary>A report as the fields of a JSON object. The names are a promise: docs/cli.md lists them.</summary>
internal static class BenchJson
{
    /// <summary>Writes the fields.</summary>
    public static void Write(Utf8JsonWriter json, BenchReport report)
    {
        json.WriteString("processor", report.Processor);
        json.WriteString("device", report.Device);
        if (report.Limits is { } limits)
        {
            json.WriteStartObject("limits");
            json.WriteNumber("clock_hz", Math.Round(limits.Clock));
            json.WriteNumber("read_bytes_per_second", Math.Round(limits.Bandwidth));
            if (limits.StepBandwidth is double step)
                json.WriteNumber("step_read_bytes_per_second", Math.Round(step));
            json.WriteNumber("float_operations_per_second", Math.Round(limits.FloatPeak));
            json.WriteNumber("bfloat16_operations_per_second", Math.Round(limits.BFloat16Peak));
            json.WriteNumber("int8_operations_per_second", Math.Round(limits.Int8Peak));
            json.WriteNumber("int4_operations_per_second", Math.Round(limits.Int4Peak));
            json.WriteBoolean("undisturbed", limits.IsUndisturbed);
            json.WriteEndObject();
        }
        json.WriteStartArray("parts");
        foreach (BenchFigure figure in report.Figures)
        {
            json.WriteStartObject();
            json.WriteString("name", figure.Name);
            json.WriteNumber("rows", figure.Rows);
            json.WriteNumber("ms", Rounded(figure.Seconds));
            json.WriteNumber("weight_bytes", Math.Round(figure.Work.Bytes));
            json.WriteNumber("operations", Math.Round(figure.Work.Operations));
            if (report.PeerSeconds(figure) is double peer)
            {
                json.WriteNumber("peer_ms", Rounded(peer));
                json.WriteNumber("speed", Math.Round(peer / figure.Seconds, 4));
            }
            if (report.AtMost(figure) is double most)
                json.WriteNumber("at_most", Math.Round(most, 4));
            if (figure.Share is double share)
                json.WriteNumber("share", Math.Round(share, 4));
            if (figure.ReadingShare is double reading)
                json.WriteNumber("reading_share", Math.Round(reading, 4));
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("first_token_ms", Rounded(report.Answer.FirstToken));
        json.WriteNumber("cold_first_token_ms", Rounded(report.ColdFirstToken));
        json.WriteNumber("prompt_tokens", report.PromptTokens);
        json.WriteNumber("answer_tokens", report.AnswerTokens);
        json.WriteNumber("end_to_end_ms", Rounded(report.Answer.Total));
        if (report.Peer is { } other)
        {
            json.WriteNumber("peer_first_token_ms", Rounded(other.FirstToken));
            json.WriteNumber("first_token_speed", Math.Round(other.FirstToken / report.Answer.FirstToken, 4));
            json.WriteNumber("peer_end_to_end_ms", Rounded(other.Total));
            json.WriteNumber("end_to_end_speed", Math.Round(other.Total / report.Answer.Total, 4));
            if (report.EndToEndAtMost is double most)
                json.WriteNumber("end_to_end_at_most", Math.Round(most, 4));
        }
        json.WriteNumber("ready_ms", Rounded(report.Ready));
        json.WriteNumber("peak_memory_bytes", report.PeakMemory);
        json.WriteNumber("weight_bytes", report.WeightBytes);
        json.WriteBoolean("possible", !report.Failures.Any());
    }

    private static double Rounded(double seconds) => Math.Round(seconds * 1e3, 3);
}
