using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Measurement;

/// <summary>What a part of an answer takes at least: weights that are read once, multiplications and additions by what the weights are made of.</summary>
/// <param name="Bytes">Of weights, with their scales.</param>
/// <param name="Float">Operations that have no narrower weight than F32 or F16, attention's among them.</param>
/// <param name="BFloat16">Operations with weights of bfloat16.</param>
/// <param name="Int8">Operations with weights of 8 bits.</param>
/// <param name="Int4">Operations with weights of 4 bits.</param>
internal readonly record struct Work(double Bytes, double Float, double BFloat16, double Int8, double Int4)
{
    /// <summary>Multiplications and additions.</summary>
    public double Operations => Float + BFloat16 + Int8 + Int4;

    public static Work operator +(Work a, Work b) => new(a.Bytes + b.Bytes, a.Float + b.Float, a.BFloat16 + b.BFloat16, a.Int8 + b.Int8, a.Int4 + b.Int4);
}

/// <summary>Counts the work of a model's parts: its matrix products and attention. Norms, biases and activations, a few in a thousand, are left out.</summary>
/// <param name="checkpoint">The weights as they are stored.</param>
/// <param name="config">Their configuration.</param>
/// <param name="format">What they are brought to as they are loaded.</param>
/// <param name="packed">Whether they are packed, as on CPUs only, where 4-bit weights have scales of 16 bits then.</param>
internal sealed class ModelWork(Checkpoint checkpoint, Kosmos2Config config, WeightFormat format, bool packed)
{
    private readonly QuantizationPlan? _plan = format == WeightFormat.Stored ? null : new QuantizationPlan(config, new QuantizeOptions { Format = format });

    /// <summary>A picture through the encoder and the resampler. T tokens of width D, L latent rows of width W.</summary>
    public Work Encode()
    {
        Kosmos2VisionConfig vision = config.VisionConfig;
        const string Vision = "vision_model.model.", Resampler = "image_to_text_projection.";
        int tokens = vision.NumPositions, latents = config.LatentQueryNum;
        Work work = Product($"{Vision}embeddings.patch_embedding.weight", vision.NumPatches);
        for (int i = 0; i < vision.NumHiddenLayers; i++)
            work += Layer($"{Vision}encoder.layers.{i}.", "mlp.", tokens) + Attention(tokens, tokens, vision.HiddenSize);
        work += Product($"{Resampler}dense.weight", tokens);
        foreach (string name in (string[])["q", "k", "v", "out"])
            work += Product($"{Resampler}x_attn.{name}_proj.weight", name is "q" or "out" ? latents : tokens + latents);
        return work + Attention(latents, tokens + latents, config.TextConfig.EmbedDim);
    }

    /// <summary>Rows through the decoder, and some of them through the head.</summary>
    /// <param name="rows">New tokens of all sequences.</param>
    /// <param name="keys">Tokens that each row attends to, on average.</param>
    /// <param name="outputs">Rows that meet the vocabulary.</param>
    public Work Decode(int rows, int keys, int outputs)
    {
        const string Text = "text_model.";
        Work work = Product(config.TextConfig.TieWordEmbeddings ? $"{Text}model.embed_tokens.weight" : $"{Text}lm_head.weight", outputs);
        for (int i = 0; i < config.TextConfig.Layers; i++)
            work += Layer($"{Text}model.layers.{i}.", "ffn.", rows) + Attention(rows, keys, config.TextConfig.EmbedDim);
        return work;
    }

    private Work Layer(string layer, string network, int rows)
    {
        Work work = Product($"{layer}{network}fc1.weight", rows) + Product($"{layer}{network}fc2.weight", rows);
        foreach (string name in (string[])["q", "k", "v", "out"])
            work += Product($"{layer}self_attn.{name}_proj.weight", rows);
        return work;
    }

    // Scores and the sum of values: a multiplication and an addition each.
    private static Work Attention(int queries, int keys, int width) => new(0, 4.0 * queries * keys * width, 0, 0, 0);

    private Work Product(string name, int rows)
    {
        (double bytes, double weights, DType type) = Stored(name);
        double operations = 2.0 * rows * weights;
        return type switch
        {
            DType.BF16 => new Work(bytes, 0, operations, 0, 0),
            DType.I8 => new Work(bytes, 0, 0, operations, 0),
            DType.I32 => new Work(bytes, 0, 0, 0, operations),
            _ => new Work(bytes, operations, 0, 0, 0),
        };
    }

    private (double Bytes, double Weights, DType Type) Stored(string name)
    {
        if (checkpoint.GetQuantized(name, config) is { } integers)
        {
            using (integers)
                return (integers.Values.ByteLength + (integers.Scales.Shape.ElementCount * PackedWeight.ScaleBytes(integers.Bits, packed)), integers.Shape.ElementCount, integers.Values.DType);
        }
        Tensor tensor = checkpoint[name];
        double weights = tensor.Shape.ElementCount;
        WeightFormat made = _plan?.FormatOf(name, tensor.DType) ?? WeightFormat.Stored;
        if (made == WeightFormat.Stored)
            return (tensor.ByteLength, weights, tensor.DType);
        if (made == WeightFormat.BFloat16)
            return (2 * weights, weights, DType.BF16);
        QuantizationScheme scheme = _plan!.SchemeOf(made);
        double groups = scheme.GroupSize == 0 ? tensor.Shape[0] : weights / scheme.GroupSize;
        return ((weights * scheme.Bits / 8) + (groups * PackedWeight.ScaleBytes(scheme.Bits, packed)), weights, scheme.Bits == 8 ? DType.I8 : DType.I32);
    }
}
