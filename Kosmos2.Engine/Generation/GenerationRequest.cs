namespace Kosmos2.Engine.Generation;

/// <summary>
/// A prompt in a <see cref="Model.GenerationBatch"/>: its settings, and its answers once they have ended.
/// </summary>
public sealed class GenerationRequest
{
    private readonly int[] _promptTokens;
    private readonly int _prompt;
    private readonly int _firstAnswer;
    private readonly IProgress<GeneratedToken>? _progress;
    private readonly RandomKey _random;
    private readonly GeneratedSequence[] _answers;
    private int _ended;
    private volatile bool _isCancelled;

    /// <summary>Makes a request.</summary>
    /// <param name="promptTokens">The prompt, cached beginning included.</param>
    /// <param name="plan">Settings; its processors serve whoever shares it one after another.</param>
    /// <param name="stopping">When sequences end.</param>
    /// <param name="progress">Told each token, or null.</param>
    /// <param name="prompt">What results call the prompt.</param>
    internal GenerationRequest(int[] promptTokens, GenerationPlan plan, StoppingRules stopping, IProgress<GeneratedToken>? progress, int prompt = 0)
    {
        _promptTokens = promptTokens;
        _prompt = prompt;
        _firstAnswer = checked(prompt * plan.NumReturnSequences);
        _progress = progress;
        _random = plan.Random.Of(_firstAnswer);
        _answers = new GeneratedSequence[plan.NumReturnSequences];
        Plan = plan;
        Stopping = stopping;
    }

    /// <summary>The answers: <c>num_return_sequences</c> of them. Null until the last has ended.</summary>
    public GenerationResult? Result { get; private set; }

    internal GenerationPlan Plan { get; }

    internal StoppingRules Stopping { get; }

    internal bool IsCancelled => _isCancelled;

    /// <summary>
    /// Asks the request to leave the batch: the next step gives it a result with what there is then. May be called from any thread, and after
    /// the end, when it does nothing.
    /// </summary>
    public void Cancel() => _isCancelled = true;

    /// <summary>A sequence that begins with the prompt.</summary>
    /// <exception cref="ArgumentException">The prompt leaves no room for a new token.</exception>
    internal RunningSequence Begin() => new(_prompt, _promptTokens, Plan);

    /// <summary>The key of an answer's random numbers.</summary>
    internal RandomKey RandomOf(int answer) => _random.Of(answer);

    internal void Report(int answer, int index, int token, FinishReason? finish) =>
        _progress?.Report(new GeneratedToken(_firstAnswer + answer, index, token, finish));

    /// <summary>Takes an answer that has ended.</summary>
    /// <returns>Whether it was the last.</returns>
    internal bool End(int answer, GeneratedSequence sequence)
    {
        _answers[answer] = sequence;
        if (++_ended < _answers.Length)
            return false;
        Result = new GenerationResult(_answers, Plan.PadTokenId, _answers.Any(a => a.FinishReason == FinishReason.Cancelled));
        return true;
    }
}
