using Kosmos2.Engine.Generation;

namespace Kosmos2.Engine.Model;

/// <summary>
/// Prompts that are answered together although they come at different times (continuous batching: Yu et al., 2022, "Orca"). Each step runs
/// one forward pass, in which the running sequences' next tokens and the prompts of new ones stand packed one after another; whoever ends
/// leaves at once. A request gets, bit for bit, what <see cref="Kosmos2Model.Generate"/> gives for its prompt alone.
/// </summary>
/// <remarks>
/// One thread at a time, as the model, which may be used for other things between two steps. After an exception from a step other than
/// <see cref="KeyValueCacheFullException"/> the batch can only be disposed.
/// </remarks>
public sealed class GenerationBatch : IDisposable
{
    private readonly Kosmos2Model _model;
    private readonly DecodeSession _session;
    private readonly TokenLoop _loop;
    private List<GenerationRequest> _ended = []; // that no step has returned yet: one that fails has let the cancelled ones go

    /// <summary>An empty batch.</summary>
    /// <param name="model">The model; must be disposed after the batch.</param>
    public GenerationBatch(Kosmos2Model model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _session = new DecodeSession(model);
        _loop = new TokenLoop(_session);
    }

    /// <summary>Running sequences, those included that were added and have not run yet.</summary>
    public int Count => _loop.Count;

    /// <summary>Adds a prompt, which runs with the next step.</summary>
    /// <param name="prompt">The prompt; its cache, if it has one, is continued in a fork taken now.</param>
    /// <param name="given">The rows that <see cref="SequenceInput.GivenRows"/> name, or null; must live until the next step is done.</param>
    /// <param name="config">
    /// Settings; what is not set there comes from <see cref="Kosmos2Model.GenerationDefaults"/>. max_time counts from now. Beams are for
    /// <see cref="Kosmos2Model.Generate"/>.
    /// </param>
    /// <param name="hooks">The caller's own processors, criteria and progress.</param>
    /// <param name="decoder">Turns tokens into text for stop strings, or null.</param>
    /// <returns>The request, whose result comes with the step in which it ends.</returns>
    /// <exception cref="ArgumentException">The prompt is malformed, or a setting is out of range, or num_beams is above 1.</exception>
    public GenerationRequest Add(
        SequenceInput prompt, ImageEmbeddings? given = null, GenerationConfig? config = null, GenerationHooks? hooks = null,
        Func<int[], string>? decoder = null)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        SequenceCheck.Each([prompt], _model.Config, given);
        hooks ??= new GenerationHooks();
        var plan = new GenerationPlan(config?.Over(_model.GenerationDefaults) ?? _model.GenerationDefaults, _session.VocabularySize, hooks);
        if (plan.NumBeams > 1)
            throw new ArgumentException($"num_beams is {plan.NumBeams}; a batch that sequences join takes greedy decoding and sampling only", nameof(config));
        TokenDecoder? decode = decoder is null ? null : tokens => decoder(tokens.ToArray());
        var request = new GenerationRequest(prompt.WholePrompt(), plan, new StoppingRules(plan, hooks, decode, TimeProvider.System), hooks.Progress);
        _loop.Add(request);
        _session.Join(prompt, given);
        return request;
    }

    /// <summary>
    /// Runs one forward pass and gives every running sequence its next token. Cancelled requests leave before it. Does nothing when the batch
    /// is empty.
    /// </summary>
    /// <returns>The requests that ended with this step, or left with one that had no room; their results are there.</returns>
    /// <exception cref="KeyValueCacheFullException">
    /// The cache's budget is used up. No sequence has moved; the step can be repeated once a request was cancelled or a cache disposed.
    /// </exception>
    public IReadOnlyList<GenerationRequest> Step()
    {
        _loop.Step(_ended);
        List<GenerationRequest> ended = _ended;
        _ended = [];
        return ended;
    }

    /// <summary>Gives the sequences' caches back. Requests that have not ended get no result.</summary>
    public void Dispose() => _session.Dispose();
}
