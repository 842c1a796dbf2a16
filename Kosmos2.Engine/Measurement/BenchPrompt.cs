using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Measurement;

/// <summary>
/// The question that is measured: a made-up picture, and a prompt of a token before it, its latent rows, and six after it: 71 for the published model. The same
/// numbers for every program that runs it.
/// </summary>
internal sealed class BenchPrompt
{
    private const int TextTokens = 7;

    public BenchPrompt(Kosmos2Config config)
    {
        Side = config.VisionConfig.ImageSize;
        using Tensor pixels = SyntheticCheckpoint.CreateTensor("pixel_values", 1, config.VisionConfig.NumChannels, Side, Side);
        Pixels = pixels.AsSpan<float>().ToArray();
        Latents = config.LatentQueryNum;
        // Any tokens will do but padding, which has no position.
        int vocabulary = config.TextConfig.VocabSize - 4;
        TokenIds = [.. Enumerable.Range(0, Latents + TextTokens).Select(i => i == 0 ? config.TextConfig.BosTokenId : 4 + (int)(7919L * i % vocabulary))];
        GivenRows = [.. Enumerable.Range(0, TokenIds.Length).Select(i => i >= 1 && i <= Latents ? i - 1 : -1)];
    }

    /// <summary>[channels, side, side].</summary>
    public float[] Pixels { get; }

    /// <summary>Height and width of the picture.</summary>
    public int Side { get; }

    /// <summary>Rows of the encoded picture.</summary>
    public int Latents { get; }

    /// <summary>[tokens]; those in the picture's places are not looked up.</summary>
    public int[] TokenIds { get; }

    /// <summary>[tokens] row of the encoded picture, or -1.</summary>
    public int[] GivenRows { get; }

    /// <summary>The prompt for the decoder.</summary>
    public SequenceInput Sequence => new() { TokenIds = TokenIds, GivenRows = GivenRows };
}
