using System.Diagnostics;
using Kosmos2.Engine.Model;

namespace Kosmos2.Engine.Measurement;

/// <summary>Runs a model on the <see cref="BenchPrompt"/> and looks at the clock.</summary>
internal sealed class TimedModel(Kosmos2Model model)
{
    private readonly BenchPrompt _prompt = new(model.Config);

    /// <summary>Tokens of the prompt.</summary>
    public int PromptTokens => _prompt.TokenIds.Length;

    /// <summary>Encodes the picture, reads the prompt and chooses tokens, the likeliest each time and always as many.</summary>
    /// <param name="tokens">Tokens of the answer, at least 1.</param>
    public AnswerTimes Answer(int tokens)
    {
        var chosen = new int[tokens];
        var steps = new double[tokens - 1];
        long start = Stopwatch.GetTimestamp();
        using ImageEmbeddings image = model.EncodeImages(_prompt.Pixels, 1, _prompt.Side, _prompt.Side);
        double encode = Lap(ref start);
        using DecodeSession session = model.StartSession([_prompt.Sequence], image);
        session.Forward();
        session.SelectTokens(chosen.AsSpan(0, 1));
        double prefill = Lap(ref start);
        for (int i = 0; i < steps.Length; i++)
        {
            session.Forward(chosen.AsSpan(i, 1));
            session.SelectTokens(chosen.AsSpan(i + 1, 1));
            steps[i] = Lap(ref start);
        }
        return new AnswerTimes(encode, prefill, steps, chosen);
    }

    /// <summary>Logits after the prompt.</summary>
    public float[] Logits()
    {
        using ImageEmbeddings image = model.EncodeImages(_prompt.Pixels, 1, _prompt.Side, _prompt.Side);
        return model.Forward([_prompt.Sequence], image, LogitRows.Last).Logits;
    }

    /// <summary>Seconds of the fastest of some steps of several sequences, which have the prompt's keys and values in common.</summary>
    /// <param name="sequences">Sequences of a step.</param>
    /// <param name="steps">Steps to measure, after one that is not.</param>
    public double Step(int sequences, int steps)
    {
        using ImageEmbeddings image = model.EncodeImages(_prompt.Pixels, 1, _prompt.Side, _prompt.Side);
        using DecodeSession session = model.StartSession([_prompt.Sequence], image);
        session.Forward();
        session.Rearrange(new int[sequences]);
        var chosen = new int[sequences];
        session.SelectTokens(chosen);
        double best = double.PositiveInfinity;
        for (int i = 0; i <= steps; i++)
        {
            long start = Stopwatch.GetTimestamp();
            session.Forward(chosen);
            session.SelectTokens(chosen);
            best = i == 0 ? best : Math.Min(best, Lap(ref start));
        }
        return best;
    }

    /// <summary>Seconds since a timestamp, which becomes now.</summary>
    public static double Lap(ref long start)
    {
        long now = Stopwatch.GetTimestamp();
        double seconds = Stopwatch.GetElapsedTime(start, now).TotalSeconds;
        start = now;
        return seconds;
    }
}
