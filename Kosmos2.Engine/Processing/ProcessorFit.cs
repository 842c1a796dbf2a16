using System.Globalization;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Whether what a folder's processor makes is what its model takes. What would fail for every picture fails when the folder is opened, with the file that is at fault
/// and before a picture is resized to gigabytes.
/// </summary>
internal static class ProcessorFit
{
    /// <summary>Refuses a processor that does not belong to the model beside it.</summary>
    /// <exception cref="ConfigurationException">There are more tokens than the model has rows for, or pictures come out at another size.</exception>
    public static void Require(string folder, Kosmos2Processor processor, Kosmos2Config config)
    {
        int tokens = processor.HasTokenizer ? processor.Tokenizer.VocabularySize : 0, rows = config.TextConfig.VocabSize;
        if (tokens > rows)
            throw Wrong(Kosmos2Tokenizer.FindIn(folder) ?? folder, $"has {tokens:N0} tokens, but vocab_size in config.json is {rows:N0}");

        // A folder without the file has no pictures of its own: the published model's settings stand in.
        string settings = Path.Combine(folder, PreprocessorConfig.FileName);
        int side = config.VisionConfig.ImageSize;
        if (File.Exists(settings) && processor.ImageProcessor.OutputSize is { } size && size != (side, side))
            throw Wrong(settings, $"pictures come out at {size.Width} x {size.Height} pixels, but image_size in config.json is {side}");
    }

    private static ConfigurationException Wrong(string file, FormattableString problem) => new(file, null, problem.ToString(CultureInfo.InvariantCulture));
}
