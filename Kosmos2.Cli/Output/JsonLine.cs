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

    /// <summary>Texts by their likelihood.</summary>
    /// <param name="image">The picture's name as given.</param>
    /// <param name="size">Pixels.</param>
    /// <param name="task">The command.</param>
    /// <param name="texts">The texts, best first.</param>
    public static string Of(string image, (int Width, int Height) size, string task, IReadOnlyList<ScoredText> texts) => Of(json =>
    {
        WritePicture(json, image, size, task);
        json.WriteString("answer", texts[0].Text);
        json.WriteStartArray("texts");
        foreach (ScoredText text in texts)
        {
            json.WriteStartObject();
            json.WriteString("text", text.Text);
            if (text.Probability is { } probability)
                json.WriteNumber("probability", probability);
            json.WriteNumber("log_likelihood", text.Score.LogLikelihood);
            json.WriteNumber("mean_log_probability", text.Score.MeanLogProbability);
            json.WriteNumber("tokens", text.Score.Tokens.Count);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

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

    private static void WritePicture(Utf8JsonWriter json, string image, (int Width, int Height) size, string task)
    {
        json.WriteString("image", image);
        json.WriteNumber("width", size.Width);
        json.WriteNumber("height", size.Height);
        json.WriteString("task", task);
    }

    private static void Write(Utf8JsonWriter json, TaskAnswer answer)
    {
        WritePicture(json, answer.Image, answer.Size, answer.Task);
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
        if (entity.PhraseProbability is { } probability)
            json.WriteNumber("phrase_probability", Math.Round(probability, 4));
        if (entity.Confidence is { } confidence)
            json.WriteNumber("confidence", Math.Round(confidence, 4));
        json.WriteEndObject();
    }
}
