// Boxes on the way in: what is in this box, where is this phrase, and a question about a phrase whose box is given.
//
//     dotnet run -c Release --project samples/boxes-in -- samples/pictures/scene-1.png
using Kosmos2.Engine;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Imaging;

string picture = args.ElementAtOrDefault(0) ?? "samples/pictures/scene-1.png";
string model = args.ElementAtOrDefault(1) ?? "models/kosmos2-shapes";
using var kosmos = Kosmos2Engine.Load(model);
RgbImage image = Picture.Load(picture);
var settings = new GenerationConfig { MaxNewTokens = 64 };

// 1. Find things, to have boxes that are surely in this picture. Yours may come from a detector or from a mouse.
GroundedAnswer caption = kosmos.Generate(image, Prompts.GroundedCaption, settings);
Console.WriteLine(caption.Text);
foreach (GroundedEntity thing in caption.Entities)
{
    // 2. What is in this box? The box becomes two of the 1,024 patch indices, those of its corners.
    Box box = thing.Boxes[0];
    GroundedAnswer whatIsIt = kosmos.Generate(image, Prompts.Refer(box), settings);
    Console.WriteLine($"  in {box}: {whatIsIt.Text}");

    // 3. Where is this phrase? The answer begins with its boxes.
    GroundedAnswer where = kosmos.Generate(image, Prompts.Ground(thing.Name), settings);
    Box? found = where.Entities.Select(e => e.Boxes[0]).Cast<Box?>().FirstOrDefault();
    Console.WriteLine($"  {thing.Name}: {found} (overlap with the caption's box: {found?.IntersectionOverUnion(box) ?? 0:0.00})");
}

// 4. Boxes beside a text of your own: one entry for each <phrase>, null for a phrase without. This is the same prompt as Prompts.Refer makes,
//    for all things in one batch: every input gets the answer that it would get alone.
ProcessorInput[] inputs =
[
    .. caption.Entities.Select(thing => new ProcessorInput
    {
        Image = image,
        Text = "<grounding><phrase> It</phrase> is",
        Boxes = [[thing.Boxes[0]]],
    }),
];
foreach (GroundedAnswer answer in kosmos.Generate(inputs, settings))
    Console.WriteLine($"  {answer.Raw}");
