using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>
/// The CLIP ViT encoder (Radford et al., 2021; Hugging Face's Kosmos2VisionModel): pixels in, one normalised feature row a token out.
/// In the shapes below B is the number of images, T = 1 + patches (257), D the width (1024).
/// </summary>
internal sealed class VisionEncoder : IDisposable
{
    private const string Prefix = "vision_model.model";

    private readonly IBackend _backend;
    private readonly Kosmos2VisionConfig _config;
    private readonly PatchEmbeddingParameters _embedding;
    private readonly LayerNormParameters _preNorm;
    private readonly LayerNormParameters _postNorm;
    private readonly VisionLayer[] _layers;
    private readonly PositionInterpolation _positions;
    private readonly RowBuffer _hidden;
    private readonly RowBuffer _features;
    private readonly LayerActivations _activations;

    public VisionEncoder(WeightLoader weights, Kosmos2VisionConfig config)
    {
        _backend = weights.Backend;
        _config = config;
        string embeddings = $"{Prefix}.embeddings";
        _embedding = new PatchEmbeddingParameters(
            weights.Matrix($"{embeddings}.patch_embedding.weight"),
            weights.Vector($"{embeddings}.class_embedding"),
            weights.Vector($"{embeddings}.position_embedding.weight"),
            config.PatchSize);
        _positions = new PositionInterpolation(_backend, () => weights.HostVector($"{embeddings}.position_embedding.weight"), config);
        _preNorm = weights.LayerNorm($"{Prefix}.pre_layrnorm", (float)config.LayerNormEps);
        _layers = new VisionLayer[config.NumHiddenLayers];
        for (int i = 0; i < _layers.Length; i++)
            _layers[i] = new VisionLayer(weights, $"{Prefix}.encoder.layers.{i}", config);
        _postNorm = weights.LayerNorm($"{Prefix}.post_layernorm", (float)config.LayerNormEps);
        _hidden = new RowBuffer(_backend, config.HiddenSize);
        _features = new RowBuffer(_backend, config.HiddenSize);
        _activations = new LayerActivations(_backend, config.HiddenSize, config.IntermediateSize);
    }

    /// <summary>Embeds the patches of images of one size.</summary>
    /// <param name="pixels">[B, channels, height, width], normalised.</param>
    /// <param name="interpolatePositions">Whether another size than the configured one is allowed.</param>
    /// <returns>[B * T, D]. Valid until the next call.</returns>
    public Tensor Embed(Tensor pixels, bool interpolatePositions)
    {
        int batch = checked((int)pixels.Shape[0]), height = checked((int)pixels.Shape[2]), width = checked((int)pixels.Shape[3]);
        bool interpolated = height != _config.ImageSize || width != _config.ImageSize;
        if (interpolated && !interpolatePositions)
            throw new ArgumentException($"Input image size ({height}*{width}) doesn't match model ({_config.ImageSize}*{_config.ImageSize}).");
        int patches = height / _config.PatchSize * (width / _config.PatchSize);
        if (patches == 0)
            throw new ArgumentException($"a {width} x {height} image holds no patch of {_config.PatchSize} x {_config.PatchSize} pixels");
        PatchEmbeddingParameters embedding = interpolated
            ? _embedding with { Positions = _positions.For(height / _config.PatchSize, width / _config.PatchSize) }
            : _embedding;
        Tensor h = _hidden[checked(batch * (1 + patches))];
        _backend.PatchEmbed(pixels, embedding, h);
        return h;
    }

    /// <summary>Encodes images.</summary>
    /// <param name="h">[B * T, D] what <see cref="Embed"/> gave; overwritten.</param>
    /// <param name="batch">B.</param>
    /// <param name="sink">Receives the hidden states and attentions, or null.</param>
    /// <returns>[B * T, D]: the last hidden state, every token layer-normed and scaled to length 1. Valid until the next call.</returns>
    public Tensor Forward(Tensor h, int batch, IActivationSink? sink)
    {
        int rows = h.Rows, tokens = rows / batch;
        _backend.LayerNorm(h, _preNorm, h);
        sink.Offer(_backend, sink.Layer("vision.hidden_states", 0), h);
        for (int i = 0; i < _layers.Length; i++)
        {
            Tensor? attentions = sink.Probabilities(_backend, sink.Layer("vision.attentions", i), batch, _config.NumAttentionHeads, tokens, tokens);
            _layers[i].Forward(_backend, h, batch, _activations, attentions);
            sink.OfferProbabilities(_backend, sink.Layer("vision.attentions", i), attentions);
            sink.Offer(_backend, sink.Layer("vision.hidden_states", i + 1), h);
        }

        // KOSMOS-2 norms all tokens, where CLIP norms the class token only.
        Tensor features = _features[rows];
        _backend.LayerNorm(h, _postNorm, features);
        sink.Offer(_backend, "vision.post_layernorm", features);
        _backend.L2Normalize(features, features);
        sink.Offer(_backend, "vision.normalised_features", features);
        return features;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _activations.Dispose();
        _features.Dispose();
        _hidden.Dispose();
        _positions.Dispose();
    }
}

/// <summary>A pre-norm transformer layer: h += attention(norm1(h)); h += fc2(act(fc1(norm2(h)))).</summary>
internal sealed class VisionLayer(WeightLoader weights, string name, Kosmos2VisionConfig config)
{
    private readonly LayerNormParameters _norm1 = weights.LayerNorm($"{name}.layer_norm1", (float)config.LayerNormEps);
    private readonly LinearParameters[] _queryKeyValue =
    [
        weights.Linear($"{name}.self_attn.q_proj"),
        weights.Linear($"{name}.self_attn.k_proj"),
        weights.Linear($"{name}.self_attn.v_proj"),
    ];
    private readonly LinearParameters _output = weights.Linear($"{name}.self_attn.out_proj");
    private readonly LayerNormParameters _norm2 = weights.LayerNorm($"{name}.layer_norm2", (float)config.LayerNormEps);
    private readonly LinearParameters _fc1 = weights.Linear($"{name}.mlp.fc1");
    private readonly LinearParameters _fc2 = weights.Linear($"{name}.mlp.fc2");
    private readonly float _scale = 1 / MathF.Sqrt(config.HeadDim);

    public void Forward(IBackend backend, Tensor h, int batch, LayerActivations buffers, Tensor? attentions)
    {
        int rows = h.Rows;
        Tensor q = buffers.Query[rows], k = buffers.Key[rows], v = buffers.Value[rows];   // (B * T, heads * head size)
        Tensor context = buffers.Context[rows], inner = buffers.Inner[rows];              // (B * T, D), (B * T, 4 D)

        backend.LinearGroup(h, _queryKeyValue, [q, k, v], _norm1);
        backend.Attention(q, k, v, context, batch, config.NumAttentionHeads, _scale, attentions);
        backend.Linear(context, _output, h, residual: h);
        backend.Linear(h, _fc1, inner, config.Activation, norm: _norm2);
        backend.Linear(inner, _fc2, h, residual: h);
    }
}
