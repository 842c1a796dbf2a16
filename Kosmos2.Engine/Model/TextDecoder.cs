using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>
/// The Magneto decoder (Wang et al., 2022; Hugging Face's Kosmos2TextForCausalLM): pre-norm layers with a second norm inside attention and
/// feed-forward ("sub-LN"), sinusoidal positions, and the embedding matrix as head. In the shapes below R is the number of rows of the step,
/// all sequences packed one after another, W the width (2048), F the feed-forward width (8192), V the vocabulary.
/// </summary>
internal sealed class TextDecoder : IDisposable
{
    private const string Prefix = "text_model.model";

    private readonly IBackend _backend;
    private readonly Kosmos2TextConfig _config;
    private readonly PreparedWeight _embeddings;
    private readonly LinearParameters _head;
    private readonly DecoderLayer[] _layers;
    private readonly LayerNormParameters _norm;
    private readonly float _embeddingScale;
    private readonly RowBuffer _hidden;
    private readonly RowBuffer _normed;
    private readonly RowBuffer _outputs;
    private readonly RowBuffer _logits;
    private readonly RowBuffer _results;
    private readonly LayerActivations _activations;

    public TextDecoder(WeightLoader weights, Kosmos2TextConfig config)
    {
        _backend = weights.Backend;
        _config = config;
        _embeddings = weights.Matrix($"{Prefix}.embed_tokens.weight");
        _head = new LinearParameters(config.TieWordEmbeddings ? _embeddings : weights.Matrix("text_model.lm_head.weight"), null);
        _layers = new DecoderLayer[config.Layers];
        for (int i = 0; i < _layers.Length; i++)
            _layers[i] = new DecoderLayer(weights, $"{Prefix}.layers.{i}", config);
        _norm = weights.LayerNorm($"{Prefix}.layer_norm", (float)config.LayerNormEps);
        _embeddingScale = config.ScaleEmbedding ? (float)Math.Sqrt(config.EmbedDim) : 1;
        Positions = new SinusoidalPositions(_backend, config.EmbedDim, config.PadTokenId);
        _hidden = new RowBuffer(_backend, config.EmbedDim);
        _normed = new RowBuffer(_backend, config.EmbedDim);
        _outputs = new RowBuffer(_backend, config.EmbedDim);
        _logits = new RowBuffer(_backend, config.VocabSize);
        _results = new RowBuffer(_backend, 1, DType.I32);
        _activations = new LayerActivations(_backend, config.EmbedDim, config.FfnDim);
    }

    /// <summary>Type the embeddings are stored in.</summary>
    public DType WeightType => _embeddings.DType;

    /// <summary>The position table; the caller makes it cover the positions of a step.</summary>
    public SinusoidalPositions Positions { get; }

    /// <summary>Runs one step: all rows of the table through all layers, their keys and values into the cache.</summary>
    /// <param name="step">The rows.</param>
    /// <param name="given">[n, W] rows that replace token embeddings, or null.</param>
    /// <param name="blocks">The cache.</param>
    /// <param name="sink">Receives hidden states and attentions, or null.</param>
    /// <returns>Logits of the step's output rows [outputs, V]. Valid until the next call.</returns>
    public Tensor Forward(StepTable step, Tensor? given, KeyValueBlocks blocks, IActivationSink? sink)
    {
        int outputs = step.OutputCount;
        Tensor logits = _logits[outputs];                                            // (outputs, V)
        _backend.BeginStep(step);
        // Given rows come and go: they are embedded before anything is repeated.
        Tensor h = _hidden[step.RowCount];                                           // (R, W)
        if (given is not null)
            Embed(given, h);
        if (Repeats(step, sink) && _backend.TryRepeat(new StepSignature(this, h.Rows, step.SequenceCount, outputs, step, blocks, given is not null)))
            return logits;
        do
        {
            if (given is null)
                Embed(null, h);
            Run(step, h, blocks, sink, logits);
        }
        while (!_backend.EndStep());
        return logits;
    }

    /// <summary>Chooses a token for each output row of the last step, as its table says.</summary>
    /// <param name="logits">The step's.</param>
    /// <param name="results">Receives the ids, and behind them what the table's rules ask for.</param>
    /// <param name="classes">The vocabulary by classes, where rules ask for them.</param>
    public void SelectTokens(Tensor logits, Span<int> results, TokenClasses? classes)
    {
        // Room for all that may ever be asked of so many outputs: a buffer that grows voids recorded steps.
        if (classes is not null)
            _results.Reserve(logits.Rows * (1 + classes.Cells));
        Tensor onDevice = _results[results.Length];
        _backend.SelectTokens(logits, onDevice, classes);
        _backend.Download(onDevice, results);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _activations.Dispose();
        _results.Dispose();
        _logits.Dispose();
        _outputs.Dispose();
        _normed.Dispose();
        _hidden.Dispose();
        Positions.Dispose();
    }

    // How many rows each of several sequences has is not part of the signature; nor is what a sink asks for.
    private static bool Repeats(StepTable step, IActivationSink? sink) =>
        sink is null && (step.SequenceCount == 1 || step.RowCount == step.SequenceCount);

    private void Embed(Tensor? given, Tensor h) => _backend.EmbedRows(_embeddings, given, _embeddingScale, Positions.Table, h);

    private void Run(StepTable step, Tensor h, KeyValueBlocks blocks, IActivationSink? sink, Tensor logits)
    {
        int rows = h.Rows, outputs = step.OutputCount;
        for (int i = 0; i < _layers.Length; i++)
        {
            sink.Offer(_backend, sink.Layer("text.hidden_states", i), h);
            Tensor? attentions = sink.Probabilities(_backend, sink.Layer("text.attentions", i), AttentionEntries(step));
            _layers[i].Forward(_backend, h, blocks, i, _activations, attentions);
            sink.OfferProbabilities(_backend, sink.Layer("text.attentions", i), attentions);
        }
        if (sink is not null)
        {
            _backend.LayerNorm(h, _norm, _normed[rows]);
            sink.Offer(_backend, sink.Layer("text.hidden_states", _layers.Length), _normed[rows]);
        }

        // Only the rows that were asked for meet the vocabulary.
        if (outputs > 0)
        {
            _backend.GatherOutputRows(h, _outputs[outputs]);
            _backend.Linear(_outputs[outputs], _head, logits, norm: _norm);
        }
    }

    // For each sequence heads * its rows * its keys.
    private long AttentionEntries(StepTable step)
    {
        long entries = 0;
        for (int s = 0; s < step.SequenceCount; s++)
            entries += (long)_config.AttentionHeads * (step.RowStarts[s + 1] - step.RowStarts[s]) * step.KeyCounts[s];
        return entries;
    }
}

/// <summary>
/// One layer: h += out_proj(inner_attn_ln(attention(self_attn_layer_norm(h)))); h += fc2(ffn_layernorm(act(fc1(final_layer_norm(h))))).
/// The norms ride on the products that follow them.
/// </summary>
internal sealed class DecoderLayer(WeightLoader weights, string name, Kosmos2TextConfig config)
{
    private readonly LayerNormParameters _attentionNorm = weights.LayerNorm($"{name}.self_attn_layer_norm", (float)config.LayerNormEps);
    private readonly LinearParameters[] _queryKeyValue =
    [
        weights.Linear($"{name}.self_attn.q_proj"),
        weights.Linear($"{name}.self_attn.k_proj"),
        weights.Linear($"{name}.self_attn.v_proj"),
    ];
    private readonly LayerNormParameters _innerAttentionNorm = weights.LayerNorm($"{name}.self_attn.inner_attn_ln", (float)config.LayerNormEps);
    private readonly LinearParameters _output = weights.Linear($"{name}.self_attn.out_proj");
    private readonly LayerNormParameters _ffnNorm = weights.LayerNorm($"{name}.final_layer_norm", (float)config.LayerNormEps);
    private readonly LinearParameters _fc1 = weights.Linear($"{name}.ffn.fc1");
    private readonly LayerNormParameters _innerFfnNorm = weights.LayerNorm($"{name}.ffn.ffn_layernorm", (float)config.LayerNormEps);
    private readonly LinearParameters _fc2 = weights.Linear($"{name}.ffn.fc2");
    private readonly float _scale = 1 / MathF.Sqrt(config.HeadDim);

    public void Forward(IBackend backend, Tensor h, KeyValueBlocks blocks, int layer, LayerActivations buffers, Tensor? attentions)
    {
        int rows = h.Rows;
        Tensor q = buffers.Query[rows], k = buffers.Key[rows], v = buffers.Value[rows];   // (R, heads * head size)
        Tensor context = buffers.Context[rows], inner = buffers.Inner[rows];              // (R, W), (R, F)

        backend.LinearGroup(h, _queryKeyValue, [q, k, v], _attentionNorm);
        backend.AppendKeyValues(k, v, blocks, layer);
        backend.CachedAttention(q, blocks, layer, _scale, context, attentions);
        backend.Linear(context, _output, h, residual: h, norm: _innerAttentionNorm);
        backend.Linear(h, _fc1, inner, config.Activation, norm: _ffnNorm);
        backend.Linear(inner, _fc2, h, residual: h, norm: _innerFfnNorm);
    }
}
