using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Processing;
using Kosmos2.Engine.Validation;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class ProcessorTests
{
    private static readonly Kosmos2Processor Shapes = Kosmos2Processor.Load(TestData.ShapesModel);

    [Test]
    public void Every_prompt_of_the_shipped_model_has_the_ids_of_hugging_face_and_its_answers_come_apart_as_there()
    {
        var image = new RgbImage(1, 1, [0, 0, 0]);
        int cases = 0;
        foreach (JsonElement golden in ReferenceLines.Read(TestData.File("shapes", "cases.jsonl"), json => json).Select(line => line.Case))
        {
            string key = golden.GetProperty("key").GetString()!;
            ProcessorOutput output = Shapes.Process(new ProcessorInput { Text = golden.GetProperty("prompt").GetString(), Image = image });
            string text = Shapes.Tokenizer.Decode(golden.GetProperty("sequence").Ints(), skipSpecialTokens: true);
            GroundedText answer = Shapes.PostProcess(text);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(output.InputIds.Single(), Is.EqualTo(golden.GetProperty("input_ids").Ints()), key);
                Assert.That(text, Is.EqualTo(golden.GetProperty("text").GetString()), key);
                Assert.That(answer.Text, Is.EqualTo(golden.GetProperty("caption").GetString()), key);
                Assert.That(answer.Entities.Select(entity => entity.Name), Is.EqualTo(golden.GetProperty("entities").EnumerateArray().Select(entity => entity[0].GetString())), key);
            }
            cases++;
        }
        Assert.That(cases, Is.EqualTo(107));
    }

    [Test]
    public void A_fixed_prompt_is_the_one_that_the_model_was_trained_on()
    {
        Assert.That($"{Prompts.Caption}", Is.EqualTo("An image of"));
        Assert.That($"{Prompts.GroundedCaption}", Is.EqualTo("<grounding> An image of"));
        Assert.That($"{Prompts.Detail}", Is.EqualTo("Describe this image in detail:"));
        Assert.That($"{Prompts.GroundedDetail}", Is.EqualTo("<grounding> Describe this image in detail:"));
    }

    [Test]
    public void A_prompt_is_made_for_a_phrase_a_box_or_a_question()
    {
        Assert.That($"{Prompts.Ground(" a red ring ")}", Is.EqualTo("<grounding><phrase> a red ring</phrase>"));
        const string Refer = "<grounding><phrase> It</phrase><object><patch_index_0242><patch_index_0638></object> is";
        Assert.That($"{Prompts.Refer((242, 638))}", Is.EqualTo(Refer));
        Assert.That($"{Prompts.Refer(new Box(0.578125, 0.234375, 0.953125, 0.609375))}", Is.EqualTo(Refer));
        Assert.That($"{Prompts.Ask("What color is the ring?")}", Is.EqualTo("Question: What color is the ring? Answer:"));
        Assert.That($"{Prompts.GroundedAsk("Where?")}", Is.EqualTo("<grounding> Question: Where? Answer:"));
    }

    [Test]
    public void A_prompt_that_says_nothing_is_refused()
    {
        Assert.That(() => Prompts.Ground(" "), Throws.ArgumentException);
        Assert.That(() => Prompts.Ground("<phrase> a ring</phrase>"), Throws.ArgumentException.With.Message.Contains("holds the tag <phrase>"));
        Assert.That(() => Prompts.Ask(""), Throws.ArgumentException);
        Assert.That(() => $"{Prompts.Refer(new Box(10, 20, 200, 300))}", Throws.ArgumentException.With.Message.Contains("from 0 to 1"));
        Assert.That(() => $"{Prompts.Refer((0, 1024))}", Throws.ArgumentException.With.Message.Contains("patches 0 to 1023"));
    }

    [Test]
    public void Boxes_stand_behind_their_phrases()
    {
        var input = new ProcessorInput
        {
            Text = "<grounding><phrase> a ring</phrase> and<phrase> a star</phrase> by<phrase> a cross</phrase>",
            Boxes = [[(79, 1016), new Box(0, 0, 1, 1)], null, [(1, 2)]],
        };
        const string Written = "<s><grounding><phrase> a ring</phrase><object><patch_index_0079><patch_index_1016></delimiter_of_multi_objects/>"
            + "<patch_index_0000><patch_index_1023></object> and<phrase> a star</phrase> by<phrase> a cross</phrase>"
            + "<object><patch_index_0001><patch_index_0002></object>";
        Assert.That(Shapes.Tokenizer.Decode(Shapes.Process(input).InputIds[0]), Is.EqualTo(Written));
    }

    [TestCase("<phrase> a</phrase>", 2, "1 <phrase>...</phrase> pairs and there are boxes for 2")]
    [TestCase("<phrase></phrase>", 1, "0 <phrase>")]
    [TestCase("<phrase> a\n</phrase>", 1, "0 <phrase>")]
    [TestCase("<phrase> a", 1, "0 <phrase>")]
    [TestCase("<phrase>", 1, "0 <phrase>")]
    [TestCase("<phrase>\n<phrase> a</phrase><phrase></phrase>b</phrase>", 1, "2 <phrase>")]
    public void Boxes_need_as_many_phrases(string text, int boxes, string message)
    {
        var input = new ProcessorInput { Text = text, Boxes = [.. Enumerable.Repeat<PhraseBox[]>([(1, 2)], boxes)] };
        Assert.That(() => Shapes.Process(input), Throws.ArgumentException.With.Message.Contains(message));
    }

    [Test]
    public void A_box_outside_the_picture_is_refused_unless_asked_for()
    {
        PhraseBox[] outside = [new Box(-0.5, 0.1, 1.5, 0.6), new Box(0, 0, double.NaN, 1), (-1, 5), (0, 1024), new Box(0, 0, 1e-300, 1e-300), new Box(0, 0, 1e-300, 1)];
        foreach (PhraseBox box in outside)
        {
            var input = new ProcessorInput { Text = "<phrase> a</phrase>", Boxes = [[box]] };
            Assert.That(() => Shapes.Process(input), Throws.ArgumentException);
        }
        var allowed = new ProcessorOptions { AllowBoxesOutside = true };
        Assert.That(Shapes.Process(new ProcessorInput { Text = "<phrase> a</phrase>", Boxes = [[outside[0]]] }, allowed).InputIds[0], Has.Length.EqualTo(8));
    }

    [Test]
    public void Rows_are_filled_up_on_the_side_asked_for()
    {
        ProcessorInput[] inputs = [Text("red"), Text("a red ring")];
        int pad = Shapes.Tokenizer.PadTokenId;
        ProcessorOutput right = Shapes.Process(inputs, new ProcessorOptions { Padding = PaddingStrategy.Longest });
        ProcessorOutput left = Shapes.Process(inputs, new ProcessorOptions { Padding = PaddingStrategy.Longest, PaddingSide = PaddingSide.Left });
        ProcessorOutput ragged = Shapes.Process(inputs);
        int missing = ragged.InputIds[1].Length - ragged.InputIds[0].Length;
        Assert.That(missing, Is.Positive);
        Assert.That(right.InputIds[0], Is.EqualTo(ragged.InputIds[0].Concat(Enumerable.Repeat(pad, missing))));
        Assert.That(left.InputIds[0], Is.EqualTo(Enumerable.Repeat(pad, missing).Concat(ragged.InputIds[0])));
        Assert.That(left.AttentionMask[0].Take(missing), Is.All.Zero);
    }

    [Test]
    public void A_row_with_a_picture_is_cut_behind_its_places_or_not_at_all()
    {
        var input = new ProcessorInput { Text = "a red ring and a blue star", Image = new RgbImage(1, 1, [0, 0, 0]) };
        var options = new ProcessorOptions { Truncation = true, MaxLength = 70, AddEosToken = true };
        ProcessorOutput cut = Shapes.Process(input, options);
        Assert.That(cut.InputIds[0], Has.Length.EqualTo(70));
        Assert.That(cut.InputIds[0][^1], Is.EqualTo(Shapes.Tokenizer.EosTokenId));
        Assert.That(cut.ImageEmbedsPositionMask![0].Sum(), Is.EqualTo(64));
        Assert.That(() => Shapes.Process(input, options with { MaxLength = 67 }), Throws.ArgumentException.With.Message.Contains("68 tokens"));
    }

    [Test]
    public void Settings_that_make_no_sense_are_refused()
    {
        ProcessorInput input = Text("a") with { Image = new RgbImage(1, 1, [0, 0, 0]) };
        Refused(new ProcessorOptions { Truncation = true }, "need MaxLength");
        Refused(new ProcessorOptions { Padding = PaddingStrategy.MaxLength }, "need MaxLength");
        Refused(new ProcessorOptions { MaxLength = 0 }, "at least 1");
        Refused(new ProcessorOptions { PadToMultipleOf = 0 }, "at least 1");
        Refused(new ProcessorOptions { NumImageTokens = 0 }, "at least 1");
        Refused(new ProcessorOptions { FirstImageTokenId = 1170 }, "of a vocabulary of 1180");
        Refused(new ProcessorOptions { FirstImageTokenId = -1 }, "of a vocabulary of 1180");

        void Refused(ProcessorOptions options, string message) =>
            Assert.That(() => Shapes.Process(input, options), Throws.ArgumentException.With.Message.Contains(message));
    }

    [Test]
    public void Examples_of_different_kinds_are_refused()
    {
        var image = new RgbImage(1, 1, [0, 0, 0]);
        ProcessorInput[][] mixed =
        [
            [],
            [new ProcessorInput()],
            [Text("a"), new ProcessorInput { Image = image }],
            [Text("a"), Text("b") with { Image = image }],
            [Text("a") with { Image = image }, new ProcessorInput { Image = image }],
        ];
        foreach (ProcessorInput[] inputs in mixed)
            Assert.That(() => Shapes.Process(inputs), Throws.ArgumentException);
    }

    [Test]
    public void A_missing_example_is_named() =>
        Assert.That(() => Shapes.Process([Text("a"), null!]), Throws.ArgumentException.With.Message.Contains("inputs[1] is null"));

    [Test]
    public void Without_a_tokenizer_pictures_can_be_processed_and_text_is_refused()
    {
        Kosmos2Processor processor = Kosmos2Processor.Load(TestData.File("models", "upstream-test"));
        Assert.That(processor.HasTokenizer, Is.False);
        Assert.That(processor.Process(new ProcessorInput { Image = new RgbImage(1, 1, [0, 0, 0]) }).PixelValues, Is.Not.Null);
        Assert.That(() => processor.Process(Text("a")), Throws.InvalidOperationException.With.Message.Contains("no tokenizer"));
    }

    private static ProcessorInput Text(string text) => new() { Text = text };
}
