using Kosmos2.Engine;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine.Tasks;

/// <summary>Prompts put together from pieces have the ids of the prompts that the model was shown.</summary>
internal sealed class PromptTests
{
    private static readonly RgbImage s_image = new(2, 2, new byte[12]);

    [Test]
    public void TasksHaveTheIdsOfTheModelCard()
    {
        var processor = new Kosmos2Processor(Kosmos2Tokenizer.Load(TestData.Shared("kosmos2-tokenizer")), new Kosmos2ImageProcessor(new Kosmos2.Weights.PreprocessorConfig()));
        int[] Ids(Prompt prompt) => processor.Encode(prompt, ProcessorOptions.Default).Ids[1..];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(Prompts.GroundedCaption), Is.EqualTo(new[] { 64012, 712, 1648, 9 }));
            Assert.That(Ids(Prompts.GroundedDetail), Is.EqualTo(new[] { 64012, 34645, 247, 38, 1648, 12, 3391, 55 }));
            Assert.That(Ids(Prompts.Ground("a snowman")), Is.EqualTo(new[] { 64012, 64007, 10, 43867, 64008 }));
            Assert.That(Ids(Prompts.Ground("a snowman next to a fire")), Is.EqualTo(new[] { 64012, 64007, 10, 43867, 197, 7, 10, 646, 64008 }));
            Assert.That(Ids(Prompts.Refer((44, 863))), Is.EqualTo(new[] { 64012, 64007, 67, 64008, 64009, 64057, 64876, 64010, 17 }));
            Assert.That(Ids(Prompts.GroundedAsk("What is special about this image?")), Is.EqualTo(new[] { 64012, 14895, 55, 352, 17, 667, 57, 38, 1648, 93, 20032, 55 }));
            Assert.That(
                Ids(Prompts.GroundedAsk(Prompt.WithBoxes("Where is the fire next to?", "the fire", (5, 911)))),
                Is.EqualTo(new[] { 64012, 14895, 55, 3220, 17, 64007, 5, 646, 64008, 64009, 64018, 64924, 64010, 197, 7, 93, 20032, 55 }));
        }
        (int[] ids, int[] starts) = processor.Encode(new Prompt().Image(s_image).Text("a").Image(s_image).Append(Prompts.GroundedCaption), ProcessorOptions.Default);
        int[] places = [.. Enumerable.Range(4, 64)];
        Assert.That(ids, Is.EqualTo((int[])[0, 64003, .. places, 64004, 10, 64003, .. places, 64004, 64012, 712, 1648, 9]));
        Assert.That(starts, Is.EqualTo(new[] { 2, 69 }));
    }

    [Test]
    public void BoxesStandBehindTheirPhrases()
    {
        Prompt prompt = new Prompt().Grounded().Phrase("two rings", (79, 1016), Box.FromPixels(0, 0, 100, 50, 100, 50)).Text("are").Phrase("red");
        Assert.That($"{prompt}", Is.EqualTo("<grounding><phrase> two rings</phrase><object><patch_index_0079><patch_index_1016></delimiter_of_multi_objects/>"
            + "<patch_index_0000><patch_index_1023></object> are<phrase> red</phrase>"));
        Assert.That($"{Prompts.Ground("a hat", "A man in a hat sits.")}", Is.EqualTo("<grounding> A man in<phrase> a hat</phrase>"));
        Assert.That($"{Prompts.Refer((1, 2), continuation: "seats next to")}", Does.EndWith("</object> seats next to"));
    }

    [TestCase("<phrase>")]
    [TestCase("is it</image> so")]
    [TestCase("a<patch_index_0001>")]
    [TestCase("</s>")]
    [TestCase("a<object>")]
    public void TagsInATextAreRefused(string text)
    {
        Assert.That(() => new Prompt().Text(text), Throws.ArgumentException.With.Message.Contains("holds the tag"));
        Assert.That(() => new Prompt().Phrase(text), Throws.ArgumentException.With.Message.Contains("holds the tag"));
        Assert.That(() => Prompts.Ask(text), Throws.ArgumentException.With.Message.Contains("holds the tag"));
    }

    [Test]
    public void TwoTextsMakeNoTagTogether() => Assert.That($"{new Prompt().Text("<phr").Text("ase>")}", Is.EqualTo("<phr ase>"));

    [Test]
    public void APhraseMustBeInItsText() =>
        Assert.That(() => Prompt.WithBoxes("Where is it?", "the fire", (1, 2)), Throws.ArgumentException.With.Message.Contains("\"the fire\" is not in the text"));
}
