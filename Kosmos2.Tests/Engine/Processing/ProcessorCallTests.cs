using System.Text.Json;
using Kosmos2.Engine;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine.Processing;

/// <summary>Calls in JSON; processor.jsonl compares them with Hugging Face's, this is what else such a call may hold.</summary>
internal sealed class ProcessorCallTests
{
    private static readonly Kosmos2Processor Shapes = Kosmos2Processor.Load(TestData.ShapesModel);

    [Test]
    public void A_call_is_what_the_typed_one_is()
    {
        ProcessorCall call = Read("""{"text": "<phrase> a ring</phrase> and<phrase> a star</phrase>", "images": "scene.png", "bboxes": [[[79, 1016], [0, 0, 0.5, 1]], null], "add_eos_token": true}""");
        var input = new ProcessorInput
        {
            Text = "<phrase> a ring</phrase> and<phrase> a star</phrase>",
            Image = Picture("scene.png"),
            Boxes = [[(79, 1016), new Box(0, 0, 0.5, 1)], null],
        };
        Assert.That(call.IsBatch, Is.False);
        Assert.That(call.Run(Shapes).InputIds, Is.EqualTo(Shapes.Process(input, new ProcessorOptions { AddEosToken = true }).InputIds));
    }

    [Test]
    public void All_settings_are_read()
    {
        ProcessorOptions options = Read("""
            {"text": "a", "add_special_tokens": false, "add_eos_token": true, "num_image_tokens": 16, "first_image_token_id": 10, "padding": "max_length", "padding_side": "left",
             "truncation": "longest_first", "max_length": 12, "pad_to_multiple_of": 4, "return_tensors": "pt", "images": null}
            """).Options;
        Assert.That(options, Is.EqualTo(new ProcessorOptions
        {
            AllowBoxesOutside = true,
            AddSpecialTokens = false,
            AddEosToken = true,
            NumImageTokens = 16,
            FirstImageTokenId = 10,
            Padding = PaddingStrategy.MaxLength,
            PaddingSide = PaddingSide.Left,
            Truncation = true,
            MaxLength = 12,
            PadToMultipleOf = 4,
        }));
    }

    [TestCase("""{"padding": true}""", PaddingStrategy.Longest)]
    [TestCase("""{"padding": "longest"}""", PaddingStrategy.Longest)]
    [TestCase("""{"padding": false}""", PaddingStrategy.None)]
    [TestCase("""{"padding": "do_not_pad"}""", PaddingStrategy.None)]
    public void Padding_has_hugging_faces_forms(string json, PaddingStrategy expected) =>
        Assert.That(Read(json.Replace("{", "{\"text\": \"a\", ", StringComparison.Ordinal)).Options.Padding, Is.EqualTo(expected));

    [TestCase("[]", "must be an object")]
    [TestCase("{}", "needs text or images")]
    [TestCase("""{"text": []}""", "needs text or images")]
    [TestCase("""{"text": ["a", 1]}""", "text must be a string or a list of strings, not a list with 1")]
    [TestCase("""{"text": "a", "images": ["x", "y"]}""", "as many texts as images; there are 1 and 2")]
    [TestCase("""{"text": "a", "text": "b"}""", "text is given twice")]
    [TestCase("""{"text": "a", "max_len": 5}""", "no argument max_len")]
    [TestCase("""{"text": "a", "max_length": 5.5}""", "max_length must be an integer, not 5.5")]
    [TestCase("""{"text": "a", "max_length": 99999999999}""", "max_length must be an integer")]
    [TestCase("""{"text": "a", "padding": "some"}""", "padding must be true, false, longest or max_length or do_not_pad, not \"some\"")]
    [TestCase("""{"text": "a", "padding_side": "up"}""", "padding_side must be left or right")]
    [TestCase("""{"text": "a", "add_eos_token": 1}""", "add_eos_token must be true or false, not 1")]
    [TestCase("""{"text": "a", "bboxes": "1,2"}""", "bboxes, the boxes of one text, must be null or a list")]
    [TestCase("""{"text": "a", "bboxes": [1, 2]}""", "bboxes, the boxes of one text, must be null or a list")]
    [TestCase("""{"text": "a", "bboxes": [[1, 2, 3]]}""", "bboxes[0] must be null, a box of two integers")]
    [TestCase("""{"text": "a", "bboxes": [[0.5, 2]]}""", "bboxes[0] must be null, a box of two integers")]
    [TestCase("""{"text": "a", "bboxes": [[[1, 2], null]]}""", "bboxes[0][1] must be null, a box of two integers")]
    [TestCase("""{"text": ["a"], "bboxes": [1, 2]}""", "bboxes of a batch of texts must be null or a list")]
    [TestCase("""{"text": ["a"], "bboxes": [null, null]}""", "1 texts and 2 entries")]
    [TestCase("""{"text": "\ud800"}""", "the call.text is no Unicode text")]
    [TestCase("""{"text": ["a", "\udc00b"]}""", "the call.text[1] is no Unicode text")]
    [TestCase("""{"text": "a", "\ud800": 1}""", "a name in the call is no Unicode text")]
    [TestCase("""{"text": "a", "padding": "\ud800"}""", "the call.padding is no Unicode text")]
    [TestCase("""{"text": "a", "bboxes": [{"\ud800": [1, 2]}]}""", "a name in the call.bboxes[0] is no Unicode text")]
    public void What_the_call_cannot_mean_is_refused(string json, string message) =>
        Assert.That(() => Read(json), Throws.ArgumentException.With.Message.Contains(message));

    [Test]
    public void What_is_no_value_is_refused() =>
        Assert.That(() => ProcessorCall.Read(default, Picture), Throws.ArgumentException.With.Message.Contains("must be an object, not nothing"));

    [Test]
    public void Where_tuples_are_marked_a_list_is_no_box()
    {
        using JsonDocument list = JsonDocument.Parse("""{"text": "<phrase> a</phrase>", "bboxes": [[1, 2]]}""");
        using JsonDocument marked = JsonDocument.Parse("""{"text": "<phrase> a</phrase>", "bboxes": [{"tuple": [1, 2]}]}""");
        Assert.That(() => ProcessorCall.Read(list.RootElement, Picture, markedTuples: true), Throws.ArgumentException.With.Message.Contains("bboxes[0][0]"));
        Assert.That(ProcessorCall.Read(marked.RootElement, Picture, markedTuples: true).Inputs[0].Boxes![0], Is.EqualTo(new PhraseBox[] { (1, 2) }));
    }

    private static ProcessorCall Read(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return ProcessorCall.Read(document.RootElement, Picture);
    }

    private static RgbImage Picture(string name) => new(1, 1, [1, 2, 3]);
}
