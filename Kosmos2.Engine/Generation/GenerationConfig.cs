using System.Text.Json;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// How an answer is generated: Hugging Face's generation settings under their own names. A setting left null is not set here: the
/// checkpoint's generation_config.json decides, then its text_config, then the default named below (transformers 4.57).
/// </summary>
/// <remarks>See docs/generation.md for the whole table. Values are checked when generation starts.</remarks>
public sealed partial record GenerationConfig
{
    /// <summary><c>max_new_tokens</c>: new tokens at most, at least 1. Beats <see cref="MaxLength"/>. Default when neither is set: 20, but not past the model's max_position_embeddings.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary><c>max_length</c>: prompt and new tokens at most; a prompt that leaves no room is refused. Default: none.</summary>
    public int? MaxLength { get; init; }

    /// <summary><c>min_length</c>: prompt and new tokens before an end-of-sequence token may be chosen. Default 0.</summary>
    public int? MinLength { get; init; }

    /// <summary><c>min_new_tokens</c>: new tokens before an end-of-sequence token may be chosen. Default 0.</summary>
    public int? MinNewTokens { get; init; }

    /// <summary><c>max_time</c> (seconds in files): no further token is begun after this long. Default: no limit.</summary>
    public TimeSpan? MaxTime { get; init; }

    /// <summary><c>stop_strings</c>: generation ends when the text ends in one of these, or in a token that completes one. Default: none.</summary>
    public IReadOnlyList<string>? StopStrings { get; init; }

    /// <summary>Limit on prompt and new tokens together, and what becomes of a prompt beyond it. Not in Hugging Face. Default: no limit.</summary>
    public ContextPolicy? MaxContext { get; init; }

    /// <summary><c>eos_token_id</c>: tokens that end a sequence; they are part of it. Default: none; KOSMOS-2's is 2.</summary>
    public IReadOnlyList<int>? EosTokenId { get; init; }

    /// <summary><c>pad_token_id</c>: fills <see cref="GenerationResult.Padded"/>. Default: the first of <see cref="EosTokenId"/>.</summary>
    public int? PadTokenId { get; init; }

    /// <summary><c>bos_token_id</c>: kept for completeness; prompts bring their own.</summary>
    public int? BosTokenId { get; init; }

    /// <summary><c>do_sample</c>: draw tokens at random instead of taking the most likely. Default false.</summary>
    public bool? DoSample { get; init; }

    /// <summary>Key of the random numbers: the same seed gives the same tokens. Not in Hugging Face's config. Default 0.</summary>
    public ulong? Seed { get; init; }

    /// <summary>
    /// Number of the call's first sequence in the key of the random numbers: row i of a batch draws alone what it drew there when this is i
    /// (i times <see cref="NumReturnSequences"/> where no beams are searched). Not in Hugging Face's config. Default 0.
    /// </summary>
    public ulong? FirstSequence { get; init; }

    /// <summary><c>num_beams</c>: width of the beam search, 1 for none. Default 1.</summary>
    public int? NumBeams { get; init; }

    /// <summary><c>num_return_sequences</c>: answers per prompt, at most <see cref="NumBeams"/> unless sampling. Default 1.</summary>
    public int? NumReturnSequences { get; init; }

    /// <summary><c>length_penalty</c>: beams score by log probability / length ^ this; above 0 favours long answers. Default 1.</summary>
    public float? LengthPenalty { get; init; }

    /// <summary><c>early_stopping</c>: when a beam search may end. Default <see cref="Generation.EarlyStopping.False"/>.</summary>
    public EarlyStopping? EarlyStopping { get; init; }

    /// <summary><c>sequence_bias</c>: added to the score of a token that would complete the sequence; minus infinity forbids it. Default: none.</summary>
    public IReadOnlyList<TokenBias>? SequenceBias { get; init; }

    /// <summary><c>repetition_penalty</c>: above 1 makes tokens of the prompt and the answer less likely, below 1 more. Above 0. Default 1.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary><c>no_repeat_ngram_size</c>: no run of this many tokens occurs twice, prompt included; 0 for off. Default 0; the real checkpoint says 3.</summary>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary><c>bad_words_ids</c>: token sequences that may not occur. Default: none.</summary>
    public IReadOnlyList<IReadOnlyList<int>>? BadWordsIds { get; init; }

    /// <summary><c>suppress_tokens</c>: tokens that may not occur. Default: none.</summary>
    public IReadOnlyList<int>? SuppressTokens { get; init; }

    /// <summary><c>begin_suppress_tokens</c>: tokens that may not come first. Default: none.</summary>
    public IReadOnlyList<int>? BeginSuppressTokens { get; init; }

    /// <summary><c>forced_bos_token_id</c>: the first new token after a prompt of one token. Default: none.</summary>
    public int? ForcedBosTokenId { get; init; }

    /// <summary><c>forced_eos_token_id</c>: the last token when the length limit is reached; one of these. Default: none.</summary>
    public IReadOnlyList<int>? ForcedEosTokenId { get; init; }

    /// <summary><c>remove_invalid_values</c>: NaN scores become 0 and infinite ones the largest finite. Default false.</summary>
    public bool? RemoveInvalidValues { get; init; }

    /// <summary><c>exponential_decay_length_penalty</c>: makes ending ever more likely from some length on. Default: none.</summary>
    public ExponentialDecay? ExponentialDecayLengthPenalty { get; init; }

    /// <summary><c>renormalize_logits</c>: log-softmax after all processors. Default false.</summary>
    public bool? RenormalizeLogits { get; init; }

    /// <summary><c>temperature</c>: divides the scores before sampling, at least 1e-30. Default 1.</summary>
    public float? Temperature { get; init; }

    /// <summary><c>top_k</c>: sample among this many most likely tokens; 0 for all. Default 50.</summary>
    public int? TopK { get; init; }

    /// <summary><c>top_p</c>: sample among the most likely tokens that together reach this probability, 0 to 1. Default 1.</summary>
    public float? TopP { get; init; }

    /// <summary><c>min_p</c>: sample among tokens of at least this fraction of the most likely one's probability, 0 to 1. Default: off.</summary>
    public float? MinP { get; init; }

    /// <summary><c>typical_p</c>: sample among the most typical tokens that together reach this probability, above 0, to 1. Default 1.</summary>
    public float? TypicalP { get; init; }

    /// <summary><c>epsilon_cutoff</c>: sample among tokens of at least this probability; from 0 (off) to below 1. Default 0.</summary>
    public float? EpsilonCutoff { get; init; }

    /// <summary><c>eta_cutoff</c>: as epsilon, lowered where the distribution is flat; from 0 (off) to below 1. Default 0.</summary>
    public float? EtaCutoff { get; init; }

    /// <summary><c>output_scores</c>: which scores the result carries; true in files means all. Default none.</summary>
    public ScoreOutput? OutputScores { get; init; }

    /// <summary>
    /// Whether answers keep to the grounding grammar: every tag closes, every box is an ordered pair of patches, also where a limit ends the
    /// answer. Needs <see cref="GenerationHooks.Grammar"/>, which Kosmos2Engine brings. Not in Hugging Face. Default false.
    /// </summary>
    public bool? WellFormedGrounding { get; init; }

    /// <summary><c>output_logits</c>: the result carries each step's logits as the model gave them, before any processor. Default false.</summary>
    public bool? OutputLogits { get; init; }

    /// <summary><c>output_hidden_states</c>: the result carries the decoder's hidden states of each step. Default false.</summary>
    public bool? OutputHiddenStates { get; init; }

    /// <summary><c>output_attentions</c>: the result carries the decoder's attention probabilities of each step. Default false.</summary>
    public bool? OutputAttentions { get; init; }

    /// <summary>
    /// Settings of a file that this engine does not know or does not support, by their names there, unless they ask for nothing. They are
    /// kept so that they can be reported: they have no effect.
    /// </summary>
    public IReadOnlyDictionary<string, JsonElement> OtherSettings { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>The model's <c>max_position_embeddings</c>, beyond which a length that nobody set does not reach.</summary>
    internal int? DefaultLengthCap { get; init; }

    /// <summary>These settings, and where one is not set, that of <paramref name="below"/>.</summary>
    /// <remarks>
    /// A length limit set here replaces both of those below: otherwise a checkpoint's <c>max_new_tokens</c> would beat a caller's <c>max_length</c>.
    /// </remarks>
    public GenerationConfig Over(GenerationConfig below)
    {
        ArgumentNullException.ThrowIfNull(below);
        bool limitsLength = MaxNewTokens is not null || MaxLength is not null;
        return new GenerationConfig
        {
            MaxNewTokens = limitsLength ? MaxNewTokens : below.MaxNewTokens,
            MaxLength = limitsLength ? MaxLength : below.MaxLength,
            MinLength = MinLength ?? below.MinLength,
            MinNewTokens = MinNewTokens ?? below.MinNewTokens,
            MaxTime = MaxTime ?? below.MaxTime,
            StopStrings = StopStrings ?? below.StopStrings,
            MaxContext = MaxContext ?? below.MaxContext,
            EosTokenId = EosTokenId ?? below.EosTokenId,
            PadTokenId = PadTokenId ?? below.PadTokenId,
            BosTokenId = BosTokenId ?? below.BosTokenId,
            DoSample = DoSample ?? below.DoSample,
            Seed = Seed ?? below.Seed,
            FirstSequence = FirstSequence ?? below.FirstSequence,
            NumBeams = NumBeams ?? below.NumBeams,
            NumReturnSequences = NumReturnSequences ?? below.NumReturnSequences,
            LengthPenalty = LengthPenalty ?? below.LengthPenalty,
            EarlyStopping = EarlyStopping ?? below.EarlyStopping,
            SequenceBias = SequenceBias ?? below.SequenceBias,
            RepetitionPenalty = RepetitionPenalty ?? below.RepetitionPenalty,
            NoRepeatNgramSize = NoRepeatNgramSize ?? below.NoRepeatNgramSize,
            BadWordsIds = BadWordsIds ?? below.BadWordsIds,
            SuppressTokens = SuppressTokens ?? below.SuppressTokens,
            BeginSuppressTokens = BeginSuppressTokens ?? below.BeginSuppressTokens,
            ForcedBosTokenId = ForcedBosTokenId ?? below.ForcedBosTokenId,
            ForcedEosTokenId = ForcedEosTokenId ?? below.ForcedEosTokenId,
            RemoveInvalidValues = RemoveInvalidValues ?? below.RemoveInvalidValues,
            ExponentialDecayLengthPenalty = ExponentialDecayLengthPenalty ?? below.ExponentialDecayLengthPenalty,
            RenormalizeLogits = RenormalizeLogits ?? below.RenormalizeLogits,
            Temperature = Temperature ?? below.Temperature,
            TopK = TopK ?? below.TopK,
            TopP = TopP ?? below.TopP,
            MinP = MinP ?? below.MinP,
            TypicalP = TypicalP ?? below.TypicalP,
            EpsilonCutoff = EpsilonCutoff ?? below.EpsilonCutoff,
            EtaCutoff = EtaCutoff ?? below.EtaCutoff,
            OutputScores = OutputScores ?? below.OutputScores,
            OutputLogits = OutputLogits ?? below.OutputLogits,
            OutputHiddenStates = OutputHiddenStates ?? below.OutputHiddenStates,
            OutputAttentions = OutputAttentions ?? below.OutputAttentions,
            WellFormedGrounding = WellFormedGrounding ?? below.WellFormedGrounding,
            DefaultLengthCap = DefaultLengthCap ?? below.DefaultLengthCap,
            OtherSettings = Union(OtherSettings, below.OtherSettings),
        };
    }

    private static Dictionary<string, JsonElement> Union(
        IReadOnlyDictionary<string, JsonElement> above, IReadOnlyDictionary<string, JsonElement> below)
    {
        var all = new Dictionary<string, JsonElement>(below);
        foreach (var (name, value) in above)
            all[name] = value;
        return all;
    }
}
