using System.Diagnostics;
using Kosmos2.Engine;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class GroundedTextTests
{
    [Test]
    public void Spans_count_units_for_substring_and_code_points_for_python()
    {
        GroundedText parsed = GroundedText.Parse("😀<phrase> a 😀 dog</phrase><object><patch_index_0000><patch_index_0000></object> 😀");
        GroundedEntity dog = parsed.Entities.Single();
        Assert.That(parsed.Text, Is.EqualTo("😀 a 😀 dog 😀"));
        Assert.That(parsed.Text[dog.Span.Start..dog.Span.End], Is.EqualTo("a 😀 dog"));
        Assert.That(dog.CodePoints, Is.EqualTo(new TextSpan(2, 9)));
    }

    // Python's own results for these offsets are odd: they leave the text, or end before they start.
    [TestCase("<object><patch_index_0000><patch_index_0001></object>  tail", -2, -2, 0, 0)]
    [TestCase("a <phrase>  </phrase><object><patch_index_0000><patch_index_0001></object>", 4, 2, 1, 1)]
    [TestCase("<b<object><patch_index_0000><patch_index_0001></object>", 2, 2, 0, 0)]
    public void A_span_in_units_always_lies_within_the_text(string text, int pythonStart, int pythonEnd, int start, int end)
    {
        GroundedEntity entity = GroundedText.Parse(text).Entities.Single();
        Assert.That(entity.CodePoints, Is.EqualTo(new TextSpan(pythonStart, pythonEnd)));
        Assert.That(entity.Span, Is.EqualTo(new TextSpan(start, end)));
    }

    [TestCase("\u001C a\u001F", "a")]
    [TestCase("\u0085\u00A0\u3000a\u2028", "a")]
    [TestCase("\u200Ba\uFEFF", "\u200Ba\uFEFF")]
    public void Ends_are_stripped_as_python_does(string text, string expected) => Assert.That(GroundedText.Parse(text).Text, Is.EqualTo(expected));

    [Test]
    public void Patch_indices_may_be_written_in_any_digits()
    {
        GroundedText parsed = GroundedText.Parse("<object><patch_index_٣٣><patch_index_\U0001D7D3></object>");
        Assert.That(parsed.Entities.Single().Name, Is.EqualTo("<patch_index_33><patch_index_5>"));
    }

    [Test]
    public void A_number_beyond_64_bits_is_no_index()
    {
        string huge = new('9', 100_000);
        Assert.That(GroundedText.Parse($"<object><patch_index_{huge}><patch_index_1></object>").Entities, Is.Empty);
        Assert.That(GroundedText.Parse($"<object><patch_index_{long.MaxValue}><patch_index_1></object>").Entities, Has.Count.EqualTo(1));
    }

    [Test]
    public void Hostile_text_takes_linear_time()
    {
        string[] texts =
        [
            new('<', 4_000_000),
            Repeat("<phrase>a", 500_000),
            Repeat("<phrase>a</phrase><object>", 200_000),
            "<phrase>a</phrase><object>" + Repeat("<patch_index_1><patch_index_2></delimiter_of_multi_objects/>", 80_000),
            Repeat("<object><patch_index_1><patch_index_2></object>", 100_000),
            "<\n" + Repeat("<phrase>a</phrase><object><patch_index_1><patch_index_2></object>", 80_000),
        ];
        foreach (string text in texts)
        {
            var watch = Stopwatch.StartNew();
            GroundedText.Parse(text);
            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), text[..60]);
        }

        static string Repeat(string part, int count) => string.Concat(Enumerable.Repeat(part, count));
    }
}
