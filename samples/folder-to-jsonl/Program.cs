// A folder of pictures to JSON lines: one object a picture, in the order of their names. Ctrl-C ends it after a whole line.
//
//     dotnet run -c Release --project samples/folder-to-jsonl -- samples/pictures > captions.jsonl
using System.Text.Encodings.Web;
using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;

string folder = args.ElementAtOrDefault(0) ?? "samples/pictures";
string model = args.ElementAtOrDefault(1) ?? "models/kosmos2-shapes";

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true; // do not end the process: Generate returns what it has, and the loop ends
    stop.Cancel();
};

using var kosmos = Kosmos2Engine.Load(model);
var settings = new GenerationConfig { MaxNewTokens = 128 };
var json = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
int failed = 0;

foreach (string path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
{
    try
    {
        GroundedAnswer answer = kosmos.Generate(Picture.Load(path), Prompts.GroundedCaption, settings, cancellation: stop.Token);
        if (answer.FinishReason == FinishReason.Cancelled)
            break;
        var entities = answer.Entities.Select(e => new
        {
            Phrase = e.Name,
            e.CodePoints.Start, // counted as Python counts
            e.CodePoints.End,
            Boxes = e.Boxes.Select(b => new[] { b.X1, b.Y1, b.X2, b.Y2 }),
        });
        Console.WriteLine(JsonSerializer.Serialize(new { Image = Path.GetFileName(path), answer.Text, Entities = entities }, json));
    }
    catch (OperationCanceledException)
    {
        break; // stopped before the first token
    }
    catch (PictureException e)
    {
        // One bad picture does not end the run. The message begins with the file's name.
        Console.Error.WriteLine(e.Message);
        failed++;
    }
}
return failed == 0 ? 0 : 2;
