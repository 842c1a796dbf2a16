using System.CommandLine;
using Kosmos2.Cli.Tasks;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Weights;

namespace Kosmos2.Cli.Commands;

/// <summary>The options that choose a model and what it runs on.</summary>
internal sealed class ModelOptions
{
    private const string ModelDescription = "A model's folder, or its name in Hugging Face's cache; without it, the shipped models/kosmos2-shapes.";

    private readonly Option<string?> _model = new("--model")
    {
        Description = ModelDescription,
        HelpName = "MODEL",
    };
    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda[:n], opencl[:n], reference (slow and exact), or auto.",
        DefaultValueFactory = _ => "auto",
        HelpName = "DEVICE",
    };
    private readonly Option<int?> _threads = new("--threads") { Description = "CPU threads; without it, one a physical core.", HelpName = "N" };
    private readonly Option<bool> _pin = new("--pin") { Description = "CPU, Linux: keep each thread on a core of its own, for machines that do nothing else." };

    private readonly Option<string?> _weights = new("--weights")
    {
        Description = "CPU: read weights packed (fast, in memory of its own) or mapped (in place); without it, packed where half the memory is enough.",
        HelpName = "mapped|packed",
    };
    private readonly Option<string?> _precision = new("--precision")
    {
        Description = "CPU, CUDA: multiply weights of less than 32 bits by rows in F32 (exact) or in their own precision (fast); without it, fast for quantized models.",
        HelpName = "exact|fast",
    };
    private readonly Option<string> _format = new("--format")
    {
        Description = "Weights in memory: stored, or brought to bf16, int8 or int4 as they are loaded.",
        DefaultValueFactory = _ => "stored",
        HelpName = "FORMAT",
    };
    private readonly Option<string> _cache = new("--cache")
    {
        Description = "Keys and values in memory: f32, or bf16 or int8, of half and a quarter of the size.",
        DefaultValueFactory = _ => "f32",
        HelpName = "f32|bf16|int8",
    };

    private readonly bool _choosesModel;

    /// <summary>Makes the options.</summary>
    /// <param name="choosesModel">Whether there is a <c>--model</c>.</param>
    public ModelOptions(bool choosesModel = true)
    {
        _choosesModel = choosesModel;
        SharedOptions.Named(_model);
        SharedOptions.Positive(_threads);
        OneOf<WeightResidency>(_weights);
        OneOf<ProductPrecision>(_precision);
    }

    public void AddTo(Command command)
    {
        if (_choosesModel)
            command.Add(_model);
        command.Add(_device);
        command.Add(_threads);
        command.Add(_pin);
        command.Add(_weights);
        command.Add(_precision);
        command.Add(_format);
        command.Add(_cache);
    }

    public ModelChoice Read(ParseResult parse) => new(
        _choosesModel ? parse.GetValue(_model) : null, parse.GetRequiredValue(_device), parse.GetValue(_threads), parse.GetValue(_pin),
        Value<WeightResidency>(parse.GetValue(_weights)), Value<ProductPrecision>(parse.GetValue(_precision)), FormatOf(parse.GetRequiredValue(_format), "--format"),
        CacheOf(parse.GetRequiredValue(_cache)));

    /// <summary>A model that is named without an option, or left out.</summary>
    public static Argument<string?> Argument() => new("MODEL") { Description = ModelDescription, Arity = ArgumentArity.ZeroOrOne };

    /// <summary>Makes an option refuse what is no name of an enumeration.</summary>
    internal static void OneOf<T>(Option<string?> option)
        where T : struct, Enum => option.Validators.Add(result =>
    {
        if (result.Tokens is [var token] && !Enum.GetNames<T>().Contains(token.Value, StringComparer.OrdinalIgnoreCase))
            result.AddError($"{option.Name} {token.Value}: {option.HelpName?.Replace("|", " or ", StringComparison.Ordinal)} is wanted");
    });

    /// <summary>What such an option names, or null where it is left out.</summary>
    internal static T? Value<T>(string? name)
        where T : struct, Enum => name is null ? null : Enum.Parse<T>(name, ignoreCase: true);

    private static CacheFormat CacheOf(string name) => name switch
    {
        "f32" => CacheFormat.Float32,
        "bf16" => CacheFormat.BFloat16,
        "int8" => CacheFormat.Int8,
        _ => throw new UsageException($"--cache {name}: f32, bf16 or int8 is wanted"),
    };

    /// <summary>A format of weights by the name it has on the command line.</summary>
    /// <exception cref="UsageException">There is none of that name.</exception>
    public static WeightFormat FormatOf(string name, string option) => name switch
    {
        "stored" => WeightFormat.Stored,
        "bf16" => WeightFormat.BFloat16,
        "int8" => WeightFormat.Int8,
        "int4" => WeightFormat.Int4,
        _ => throw new UsageException($"{option} {name}: stored, bf16, int8 or int4 is wanted"),
    };
}
