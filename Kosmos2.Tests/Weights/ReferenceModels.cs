namespace Kosmos2.Tests.Weights;

/// <summary>The small KOSMOS-2 models that Hugging Face wrote, and the shipped one.</summary>
internal static class ReferenceModels
{
    public static readonly string[] Names = ["upstream-test", "odd-sizes", "real-shapes", "bf16", "single-layer", "kosmos2-shapes"];

    public static string Folder(string name) => name == "kosmos2-shapes" ? TestData.ShapesModel : TestData.File("models", name);
}
