using System.Text.Json;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// Compares answers about pictures, from the file to the entities: for each case of a cases.jsonl the prompt's ids, the picture's embeddings
/// and the prompt's last logits if the golden file has them, the generated tokens, the text and the entities.
/// </summary>
internal sealed class ShapesGolden(Kosmos2Engine engine, GoldenFile? golden, string folder, Func<string, RgbImage> loadPicture)
{
    private const int MaxNewTokens = 96;

    private readonly List<StageResult> _stages = [];
    private readonly List<CaseResult> _cases = [];

    public ValidationReport Run(CancellationToken cancellation)
    {
        foreach ((_, ShapesCase one) in ReferenceLines.Read(Path.Combine(folder, CasesReference.FileName), ShapesCase.Parse))
        {
            cancellation.ThrowIfCancellationRequested();
            RunCase(one);
        }
        return new ValidationReport(_stages, _cases);
    }

    private void RunCase(ShapesCase one)
    {
        RgbImage picture = loadPicture(one.PicturePath(folder));
        string name = one.Key ?? $"{Path.GetFileNameWithoutExtension(one.Image)}.{one.Task}";
        if (one.Key is not null && golden is not null)
            CompareTensors(one, picture, name);
        var config = new GenerationConfig { MaxNewTokens = MaxNewTokens, NoRepeatNgramSize = 0 };
        GroundedAnswer answer = engine.Generate(picture, one.Prompt, config);
        _cases.Add(Compare(name, one, answer));
    }

    private void CompareTensors(ShapesCase one, RgbImage picture, string name)
    {
        string image = Path.GetFileNameWithoutExtension(one.Image);
        using ImageEmbeddings embeddings = engine.EncodeImage(picture);
        if (golden!.IsUnread($"{image}.image_embeds"))
            CompareStage($"{image}.image_embeds", embeddings.ToArray());
        if (!golden.Has($"{name}.last_logits"))
            return;
        var options = new ProcessorOptions { NumImageTokens = engine.Config.LatentQueryNum };
        ProcessorOutput input = engine.Processor.Process(new ProcessorInput { Text = one.Prompt, Image = picture }, options);
        SequenceInput prompt = PaddedBatch.ToSequences(input.InputIds, null, input.ImageEmbedsPositionMask, engine.Config.TextConfig.PadTokenId)[0].Sequence;
        CompareStage($"{name}.last_logits", engine.Model.Forward([prompt], embeddings, LogitRows.Last).Logits);
    }

    private void CompareStage(string name, float[] actual) =>
        _stages.Add(StageResult.Compare(name, actual, golden!.Doubles(name), golden.ToleranceOf(name)));

    private static CaseResult Compare(string name, ShapesCase one, GroundedAnswer answer)
    {
        CaseResult tokens = TokenComparison.Compare(name, [.. answer.Tokens], one.NewTokens, one.SmallestLead);
        if (!tokens.Passed || tokens.Difference is not null)
            return tokens;
        if (answer.Text != one.Caption)
            return new CaseResult(name, false, $"the text is \"{answer.Text}\", the reference has \"{one.Caption}\"");
        string entities = JsonSerializer.Serialize(answer.Entities.Select(e =>
            new object[] { e.Name, new[] { e.CodePoints.Start, e.CodePoints.End }, e.Boxes.Select(b => new[] { b.X1, b.Y1, b.X2, b.Y2 }) }));
        return entities == one.Entities
            ? tokens
            : new CaseResult(name, false, $"the entities are {entities}, the reference has {one.Entities}");
    }
}
