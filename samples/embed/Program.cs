// KOSMOS-2 inside a program of your own: load a model, ask for a caption with boxes, then watch the same caption being written.
//
//     dotnet run -c Release --project samples/embed -- samples/pictures/scene-1.png [MODEL FOLDER]
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;

string picture = args.ElementAtOrDefault(0) ?? "samples/pictures/scene-1.png";
string model = args.ElementAtOrDefault(1) ?? "models/kosmos2-shapes";

// Loading reads headers only; weights are mapped, and read when they are first needed. One engine serves any number of threads, which take turns.
using var kosmos = Kosmos2Engine.Load(model);

// Any 8-bit RGB bytes will do as a picture: Kosmos2.Imaging is only needed for reading files.
RgbImage image = Picture.Load(picture);

// What is not set here comes from the checkpoint's generation_config.json, as in Hugging Face.
var settings = new GenerationConfig { MaxNewTokens = 64 };
GroundedAnswer answer = kosmos.Generate(image, Prompts.GroundedCaption, settings);

Console.WriteLine(answer.Text);
foreach (GroundedEntity entity in answer.Entities)
{
    // Boxes are fractions of the picture, whatever its size; Span points into the text.
    string phrase = answer.Text.Substring(entity.Span.Start, entity.Span.Length);
    foreach (Box box in entity.Boxes)
        Console.WriteLine($"  {phrase,-18} {box}  pixels {box.ToPixels(image.Width, image.Height)}");
}

// The same again, piece by piece. The pieces are the answer with its tags; leaving the loop early ends the work.
await foreach (string piece in kosmos.StreamAsync(new Prompt().Image(image).Append(Prompts.GroundedCaption), settings))
    Console.Write(piece);
Console.WriteLine();
