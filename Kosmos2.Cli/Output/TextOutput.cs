using System.Globalization;
using System.Text;
using Kosmos2.Cli.Tasks;
using Kosmos2.Engine;
using Kosmos2.Imaging;
using Spectre.Console;

namespace Kosmos2.Cli.Output;

/// <summary>An answer for people: its text, and under it each phrase with its boxes as fractions and in pixels.</summary>
internal static class TextOutput
{
    /// <summary>Writes the text: all of it with its phrases in colour, or the answer alone.</summary>
    public static void WriteText(IAnsiConsole console, TaskAnswer answer, bool answerOnly) =>
        console.MarkupLine(answerOnly ? Markup.Escape(Clean(answer.Answer)) : Highlighted(answer));

    /// <summary>Writes each phrase with its boxes.</summary>
    /// <param name="console">stdout.</param>
    /// <param name="entities">Phrases and boxes.</param>
    /// <param name="size">The picture's, in pixels.</param>
    public static void WriteBoxes(IAnsiConsole console, IReadOnlyList<GroundedEntity> entities, (int Width, int Height) size)
    {
        int width = entities.Count == 0 ? 0 : entities.Max(entity => Clean(entity.Name).Length);
        for (int i = 0; i < entities.Count; i++)
        {
            string name = Clean(entities[i].Name);
            foreach (Box box in entities[i].Boxes)
                console.MarkupLine($"  {Colored(name, i)}{new string(' ', width - name.Length)}  {box}  {Pixels(box, size)}");
        }
    }

    /// <summary>
    /// Writes texts by their likelihood: the best one, then all with their shares and the mean logarithm of a token's probability. A text scored alone has
    /// its likelihood written out.
    /// </summary>
    public static void WriteScores(TextWriter writer, IReadOnlyList<ScoredText> texts)
    {
        if (texts is [{ Probability: null, Score: { } score }])
        {
            writer.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"log likelihood {score.LogLikelihood:0.000}, {score.MeanLogProbability:0.000} a token, {score.Tokens.Count} tokens"));
            return;
        }
        writer.WriteLine(Clean(texts[0].Text));
        int width = texts.Max(text => Clean(text.Text).Length);
        foreach (ScoredText text in texts)
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Clean(text.Text).PadRight(width)}  {text.Probability:0.000}  {text.Score.MeanLogProbability:0.000}"));
    }

    /// <summary>Text without control characters: a model's words and a file's name are no place for terminal commands.</summary>
    public static string Clean(string text) => string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));

    // The phrases of the text in the colours of their boxes.
    private static string Highlighted(TaskAnswer answer)
    {
        var markup = new StringBuilder();
        int done = 0;
        for (int i = 0; i < answer.Entities.Count; i++)
        {
            TextSpan span = answer.Entities[i].Span;
            if (span.Start < done || span.End > answer.Text.Length || span.Length == 0)
                continue;
            markup.Append(Markup.Escape(Clean(answer.Text[done..span.Start]))).Append(Colored(Clean(answer.Text[span.Start..span.End]), i));
            done = span.End;
        }
        return markup.Append(Markup.Escape(Clean(answer.Text[done..]))).ToString();
    }

    private static string Colored(string text, int phrase)
    {
        (byte red, byte green, byte blue) = PictureAnnotator.ColorOf(phrase);
        return string.Create(CultureInfo.InvariantCulture, $"[bold rgb({red},{green},{blue})]{Markup.Escape(text)}[/]");
    }

    private static string Pixels(Box box, (int Width, int Height) size)
    {
        Box pixels = box.ToPixels(size.Width, size.Height);
        return string.Create(CultureInfo.InvariantCulture, $"{pixels.X1:0},{pixels.Y1:0} to {pixels.X2:0},{pixels.Y2:0}");
    }
}
