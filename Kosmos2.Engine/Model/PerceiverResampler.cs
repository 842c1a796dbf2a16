using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Model;

/// <summary>
/// Turns an image's T feature rows into a fixed number L of rows in the decoder's width W: learned latent queries attend to the projected
/// features and to themselves (Hugging Face's Kosmos2ImageToTextProjection; the attention is not causal). No norm, no residual.
/// </summary>
internal sealed class PerceiverResampler : IDisposable
{
    private const string Prefix = "image_to_text_projection";

    private readonly IBackend _backend;
    private readonly int _heads;
    private readonly float _scale;
    private readonly LinearParameters _dense;
    private readonly LinearParameters _query;
    private readonly LinearParameters[] _keyValue;
    private readonly LinearParameters _output;
    private readonly Tensor _latents;
    private readonly RowBuffer _projected;
    private readonly RowBuffer _joined;
    private readonly RowBuffer _queries;
    private readonly RowBuffer _keys;
    private readonly RowBuffer _values;
    private readonly RowBuffer _context;

    public PerceiverResampler(WeightLoader weights, Kosmos2Config config)
    {
        _backend = weights.Backend;
        int width = config.TextConfig.EmbedDim;
        _heads = config.TextConfig.AttentionHeads;
        _scale = 1 / MathF.Sqrt(width / _heads);
        _dense = weights.Linear($"{Prefix}.dense");
        _latents = weights.Vector($"{Prefix}.latent_query");
        _query = weights.Linear($"{Prefix}.x_attn.q_proj");
        _keyValue = [weights.Linear($"{Prefix}.x_attn.k_proj"), weights.Linear($"{Prefix}.x_attn.v_proj")];
        _output = weights.Linear($"{Prefix}.x_attn.out_proj");
        _projected = new RowBuffer(_backend, width);
        _joined = new RowBuffer(_backend, width);
        _queries = new RowBuffer(_backend, width);
        _keys = new RowBuffer(_backend, width);
        _values = new RowBuffer(_backend, width);
        _context = new RowBuffer(_backend, width);
    }

    /// <summary>Resamples the features of <paramref name="batch"/> images.</summary>
    /// <param name="features">[B * T, vision width].</param>
    /// <param name="batch">B.</param>
    /// <param name="imageEmbeddings">[B * L, W], to receive the result.</param>
    /// <param name="sink">Receives <c>projection.attentions</c>, or null.</param>
    public void Forward(Tensor features, int batch, Tensor imageEmbeddings, IActivationSink? sink)
    {
        int tokens = features.Rows / batch, latents = _latents.Rows, sources = tokens + latents;

        Tensor x = _projected[batch * tokens];                                       // (B * T, W)
        _backend.Linear(features, _dense, x);
        Tensor joined = _joined[batch * sources];                                    // (B * (T + L), W)
        for (int b = 0; b < batch; b++)
        {
            _backend.Copy(x.SliceRows(b * tokens, tokens), joined.SliceRows(b * sources, tokens));
            _backend.Copy(_latents, joined.SliceRows((b * sources) + tokens, latents));
        }

        Tensor q = _queries[latents];                                                // (L, W), the same for every image
        Tensor k = _keys[batch * sources], v = _values[batch * sources];             // (B * (T + L), W)
        _backend.Linear(_latents, _query, q);
        _backend.LinearGroup(joined, _keyValue, [k, v]);
        Tensor context = _context[batch * latents];                                  // (B * L, W)
        Tensor? attentions = sink.Probabilities(_backend, "projection.attentions", batch, _heads, latents, sources);
        _backend.Attention(q, k, v, context, batch, _heads, _scale, attentions);
        sink.OfferProbabilities(_backend, "projection.attentions", attentions);
        _backend.Linear(context, _output, imageEmbeddings);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _projected.Dispose();
        _joined.Dispose();
        _queries.Dispose();
        _keys.Dispose();
        _values.Dispose();
        _context.Dispose();
    }
}
