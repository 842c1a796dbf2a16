using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine;

namespace Kosmos2.Cli.Output;

/// <summary>One line of JSON. The names are a promise: docs/cli.md lists them.</summary>
internal static class JsonLine
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>An answer.</summary>
    public static string Of(TaskAnswer answer) => Of(json => Write(json, answer));

    /// <summary>An object with the fields that are written.</summary>
    public static string Of(Action<Utf8JsonWriter> fields)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void Write(Utf8JsonWriter json, TaskAnswer answer)
    {
        json.WriteString("image", answer.Image);
        json.WriteNumber("width", answer.Size.Width);
        json.WriteNumber("height", answer.Size.Height);
        json.WriteString("task", answer.Task);
        json.WriteString("prompt", answer.Prompt);
        json.WriteString("text", answer.Text);
        json.WriteString("answer", answer.Answer);
        json.WriteString("raw", answer.Raw);
        json.WriteStartArray("tokens");
        foreach (int token in answer.Tokens)
            json.WriteNumberValue(token);
        json.WriteEndArray();
        json.WriteStartArray("entities");
        foreach (GroundedEntity entity in answer.Entities)
            Write(json, entity);
        json.WriteEndArray();
        json.WriteString("finish_reason", answer.FinishReason);
        json.WriteStartObject("timings");
        foreach ((string stage, TimeSpan time) in answer.Timings)
            json.WriteNumber($"{stage}_ms", Math.Round(time.TotalMilliseconds, 3));
        json.WriteEndObject();
    }

    // Start and end count code points, as Python and Hugging Face do.
    private static void Write(Utf8JsonWriter json, GroundedEntity entity)
    {
        json.WriteStartObject();
        json.WriteString("phrase", entity.Name);
        json.WriteNumber("start", entity.CodePoints.Start);
        json.WriteNumber("end", entity.CodePoints.End);
        json.WriteStartArray("boxes");
        foreach (Box box in entity.Boxes)
        {
            json.WriteStartArray();
            json.WriteNumberValue(box.X1);
            json.WriteNumberValue(box.Y1);
            json.WriteNumberValue(box.X2);
            json.WriteNumberValue(box.Y2);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
