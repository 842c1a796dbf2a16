namespace Kosmos2.Engine.Generation;

/// <summary>Generates answers: checks the settings, chooses between stepping token by token and beam search, and gathers the results.</summary>
internal static class Generator
{
    /// <summary>Runs a session's prompts and continues each until it ends.</summary>
    /// <param name="session">One sequence for each prompt, not yet run.</param>
    /// <param name="prompts">The prompts' tokens, image placeholders included: what processors and criteria see.</param>
    /// <param name="config">Settings, already merged with the checkpoint's.</param>
    /// <param name="hooks">The caller's own processors, criteria and progress.</param>
    /// <param name="decoder">Tokens to text; needed for stop strings only.</param>
    /// <param name="clock">Time for max_time.</param>
    /// <param name="cancellation">Looked at between steps; sequences then end as they are.</param>
    /// <exception cref="ArgumentException">A setting is out of range, or a prompt is empty, too long, or has a token outside the vocabulary.</exception>
    public static GenerationResult Generate(
        IDecodeSession session,
        IReadOnlyList<int[]> prompts,
        GenerationConfig config,
        GenerationHooks? hooks = null,
        TokenDecoder? decoder = null,
        TimeProvider? clock = null,
        CancellationToken cancellation = default)
    {
        hooks ??= new GenerationHooks();
        CheckPrompts(session, prompts);
        var plan = new GenerationPlan(config, session.VocabularySize, hooks);
        var stopping = new StoppingRules(plan, hooks, decoder, clock ?? TimeProvider.System);
        if (plan.NumBeams > 1)
            return new BeamSearch(session, plan, stopping).Run(prompts, cancellation);
        GenerationRequest[] requests = [.. prompts.Select((tokens, i) => new GenerationRequest(tokens, plan, stopping, hooks.Progress, i))];
        Run(new TokenLoop(session), requests, cancellation);
        GeneratedSequence[] sequences = [.. requests.SelectMany(request => request.Result!.Sequences)];
        return new GenerationResult(sequences, plan.PadTokenId, requests.Any(request => request.Result!.Cancelled));
    }

    private static void Run(TokenLoop loop, GenerationRequest[] requests, CancellationToken cancellation)
    {
        foreach (GenerationRequest request in requests)
            loop.Add(request);
        List<GenerationRequest> ended = new(requests.Length);
        while (loop.Count > 0)
        {
            if (cancellation.IsCancellationRequested)
            {
                foreach (GenerationRequest request in requests)
                    request.Cancel();
            }
            loop.Step(ended);
        }
    }

    private static void CheckPrompts(IDecodeSession session, IReadOnlyList<int[]> prompts)
    {
        if (prompts.Count != session.SequenceCount)
            throw new ArgumentException($"{prompts.Count} prompts were given for a session of {session.SequenceCount} sequences", nameof(prompts));
        for (int i = 0; i < prompts.Count; i++)
        {
            if (prompts[i].Length == 0)
                throw new ArgumentException($"prompt {i} has no tokens", nameof(prompts));
            foreach (int token in prompts[i])
            {
                if ((uint)token >= (uint)session.VocabularySize)
                    throw new ArgumentException($"prompt {i} has token {token}; the vocabulary has tokens 0 to {session.VocabularySize - 1}", nameof(prompts));
            }
        }
    }
}
