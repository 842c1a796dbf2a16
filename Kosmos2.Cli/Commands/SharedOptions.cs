using System.CommandLine;
using System.Globalization;
using Kosmos2.Cli.Tasks;
using Kosmos2.Imaging;

namespace Kosmos2.Cli.Commands;

/// <summary>The images and options that all task commands share.</summary>
internal sealed class SharedOptions
{
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object a line instead of text." };
    private readonly Option<string?> _annotate = Make<string?>("--annotate", "OUT", "Write the picture with its boxes: a .png file, or a folder.");
    private readonly Option<string?> _crop = Make<string?>("--crop", "DIR", "Write what is in each box as a picture into a folder.");
    private readonly Option<bool> _stream = new("--stream") { Description = "Print the text as it is made." };
    private readonly Option<int> _maxNewTokens = Make("--max-new-tokens", "N", "Stop after so many tokens.", 128);
    private readonly Option<int?> _maxContext = Make<int?>("--max-context", "N", "Refuse prompts of more tokens.");
    private readonly Option<bool> _orient = new("--exif-orientation") { Description = "Turn photographs upright by their EXIF data first." };
    private readonly Option<long> _maxPixels = Make("--max-pixels", "N", "Refuse larger pictures.", new PictureOptions().MaxPixels);
    private readonly Option<double> _urlTimeout = Make("--url-timeout", "SECONDS", "Time that a download may take.", 30.0);
    private readonly Option<string?> _imageCache = Make<string?>("--image-cache", "DIR", "Keep encoded pictures in a folder for later runs.");
    private readonly Option<string?> _grammar = Make<string?>("--grammar", "on|off", "Whether phrases and boxes must be well formed; on but for run.");
    private readonly ModelOptions _model = new();
    private readonly bool _generates;

    /// <summary>Makes the options.</summary>
    /// <param name="leaveLast">Whether the last argument is not an image.</param>
    /// <param name="generates">Whether the command generates an answer, which may have boxes.</param>
    public SharedOptions(bool leaveLast, bool generates = true)
    {
        _generates = generates;
        Images = new Argument<string[]>("IMAGE")
        {
            Description = "Files, folders, patterns (* and **), http(s) addresses, or - for standard input.",
            Arity = ArgumentArity.OneOrMore,
        };
        if (leaveLast)
        {
            Images.CustomParser = result =>
            {
                int images = Math.Max(1, result.Tokens.Count - 1);
                string[] values = [.. result.Tokens.Take(images).Select(token => token.Value)];
                result.OnlyTake(images);
                return values;
            };
        }
        _grammar.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: not ("on" or "off") } value])
                result.AddError($"--grammar {value.Value}: on or off is wanted");
        });
        Named(_annotate);
        Named(_crop);
        Named(_imageCache);
        Positive(_maxNewTokens);
        Positive(_maxContext);
        Positive(_maxPixels);
        Positive(_urlTimeout);
    }

    /// <summary>The images.</summary>
    public Argument<string[]> Images { get; }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_json);
        AddTo(command, _generates, _annotate, _crop, _stream);
        _model.AddTo(command);
        AddTo(command, _generates, _maxNewTokens, _maxContext, _grammar);
        AddTo(command, true, _imageCache, _orient, _maxPixels, _urlTimeout);
    }

    /// <summary>Their values.</summary>
    public TaskOptions Read(ParseResult parse) => new()
    {
        Images = parse.GetRequiredValue(Images),
        Model = _model.Read(parse),
        MaxNewTokens = parse.GetValue(_maxNewTokens),
        MaxContext = parse.GetValue(_maxContext),
        Json = parse.GetValue(_json),
        Stream = parse.GetValue(_stream),
        Annotate = parse.GetValue(_annotate),
        Crop = parse.GetValue(_crop),
        Pictures = new PictureOptions { ApplyExifOrientation = parse.GetValue(_orient), MaxPixels = parse.GetValue(_maxPixels) },
        ImageCache = parse.GetValue(_imageCache),
        Grammar = _generates && parse.GetValue(_grammar) is { } grammar ? grammar == "on" : null,
        UrlTimeout = TimeSpan.FromSeconds(parse.GetValue(_urlTimeout)),
    };

    private static void AddTo(Command command, bool wanted, params ReadOnlySpan<Option> options)
    {
        foreach (Option option in options)
        {
            if (wanted)
                command.Add(option);
        }
    }

    private static Option<T> Make<T>(string name, string value, string description) => new(name) { Description = description, HelpName = value };

    private static Option<T> Make<T>(string name, string value, string description, T standard) =>
        new(name) { Description = description, HelpName = value, DefaultValueFactory = _ => standard };

    /// <summary>Makes an option that names a file or folder refuse an empty name.</summary>
    internal static void Named(Option<string?> option) => option.Validators.Add(result =>
    {
        if (result.Tokens is [{ Value: "" }])
            result.AddError($"{option.Name}: a name is wanted, not an empty text");
    });

    /// <summary>Makes an option refuse what is no number above 0, whole unless the option is a double.</summary>
    internal static void Positive<T>(Option<T> option) => option.Validators.Add(result =>
    {
        string value = result.Tokens is [var token] ? token.Value : "1";
        bool right = typeof(T) == typeof(double)
            ? double.TryParse(value, CultureInfo.InvariantCulture, out double number) && number is > 0 and < 1e6
            : long.TryParse(value, CultureInfo.InvariantCulture, out long whole) && whole > 0 && (whole <= int.MaxValue || typeof(T) == typeof(long));
        if (!right)
            result.AddError($"{option.Name} {value}: a number above 0 is wanted");
    });
}
