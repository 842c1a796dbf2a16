using Kosmos2.Engine.Model;
using Kosmos2.Engine.Validation;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>Nineteen settings on five models: tokens and scores equal Hugging Face's, row by row and as a batch.</summary>
internal sealed class GenerationGoldenTests
{
    [Test]
    public void EveryCaseEqualsTheReference([ValueSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))] string name)
    {
        using Kosmos2Model model = ReferenceModels.Load(name);
        using GoldenFile golden = GoldenFile.Open(Path.Combine(ReferenceModels.Folder(name), "golden.safetensors"));
        model.Decoder.Positions.RoundTo(model.WeightType); // as the reference's were when its weights were stored
        List<CaseResult> results = GenerationGolden.Run(model, golden, GenerationCases.Read(Path.Combine(ReferenceModels.Folder(name), "generation.json")));
        Assert.That(results, Has.Count.EqualTo(19));
        Assert.That(results.Where(r => !r.Passed), Is.Empty);
    }
}
