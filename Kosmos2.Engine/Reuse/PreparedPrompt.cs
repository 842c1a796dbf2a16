using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <summary>A prompt as the decoder takes it, with the pictures that it shows by the keys of their content.</summary>
/// <param name="Ids">All tokens, the places of pictures included.</param>
/// <param name="Pictures">Where each picture's embeddings stand, in order.</param>
internal sealed record PreparedPrompt(int[] Ids, IReadOnlyList<PicturePlace> Pictures)
{
    /// <summary>How many of the first tokens may come from a cache: the rest must run, for their logits are wanted.</summary>
    public int MaxPrefix { get; init; } = Ids.Length - 1;

    /// <summary>Length of the beginning that is worth keeping for other prompts: all up to the last picture's end tag; 0 without a picture.</summary>
    /// <param name="latents">Places of a picture.</param>
    public int PicturePrefix(int latents) => Pictures.Count == 0 ? 0 : Math.Min(Pictures[^1].Start + latents + 1, MaxPrefix);

    /// <summary>Length of the beginning that two prompts share: the same tokens, the same pictures in the same places.</summary>
    public int CommonPrefix(ReadOnlySpan<int> ids, IReadOnlyList<PicturePlace> pictures)
    {
        int common = Ids.AsSpan().CommonPrefixLength(ids);
        for (int i = 0; i < Math.Max(Pictures.Count, pictures.Count); i++)
        {
            if (i < Pictures.Count && i < pictures.Count && Pictures[i] == pictures[i])
                continue;
            // From where either has a picture that the other has not, the rows differ, even where the ids of their places are the same.
            if (i < Pictures.Count)
                common = Math.Min(common, Pictures[i].Start);
            if (i < pictures.Count)
                common = Math.Min(common, pictures[i].Start);
            break;
        }
        return common;
    }
}

/// <summary>Turns prompts into tokens and pixels, each picture of a call once.</summary>
/// <param name="processor">The model's processor.</param>
/// <param name="latents">Places of a picture.</param>
internal sealed class PromptPreparer(Kosmos2Processor processor, int latents)
{
    private readonly ProcessorOptions _options = new() { NumImageTokens = latents };
    private readonly Dictionary<RgbImage, string> _keys = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, PixelValues> _pixels = [];

    /// <summary>The pixels of a picture that one of the prompts shows.</summary>
    public PixelValues PixelsOf(string key) => _pixels[key];

    /// <summary>Prepares a prompt.</summary>
    /// <exception cref="ArgumentException">A box leaves the picture, or the prompt is empty.</exception>
    public PreparedPrompt Prepare(Prompt prompt)
    {
        if (prompt.IsEmpty)
            throw new ArgumentException("the prompt is empty", nameof(prompt));
        (int[] ids, int[] starts) = processor.Encode(prompt, _options);
        return new PreparedPrompt(ids, [.. starts.Zip(prompt.Images, (start, image) => new PicturePlace(start, KeyOf(image)))]);
    }

    /// <summary>Prepares an input in Hugging Face's form: one picture or none, before the text.</summary>
    /// <exception cref="ArgumentException">The input has no text, or its boxes do not fit its text.</exception>
    public PreparedPrompt Prepare(ProcessorInput input)
    {
        if (input.Text is null)
            throw new ArgumentException("an input has no prompt", nameof(input));
        (int[] ids, int start) = processor.Encode(input, _options);
        return new PreparedPrompt(ids, input.Image is null ? [] : [new PicturePlace(start, KeyOf(input.Image))]);
    }

    private string KeyOf(RgbImage image)
    {
        if (_keys.TryGetValue(image, out string? key))
            return key;
        PixelValues pixels = processor.ImageProcessor.Process(image);
        key = EncodedPictures.KeyOf(pixels);
        _keys.Add(image, key);
        _pixels.TryAdd(key, pixels);
        return key;
    }
}

/// <summary>Where a picture's embeddings stand in a prompt.</summary>
/// <param name="Start">The first place.</param>
/// <param name="Key">The picture's content (<see cref="EncodedPictures.KeyOf"/>).</param>
internal readonly record struct PicturePlace(int Start, string Key);
