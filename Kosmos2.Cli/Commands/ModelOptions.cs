using System.CommandLine;
using Kosmos2.Cli.Tasks;
using Kosmos2.Kernels.Cpu;

namespace Kosmos2.Cli.Commands;

/// <summary>The options that choose a model and what it runs on.</summary>
internal sealed class ModelOptions
{
    private readonly Option<string?> _model = new("--model")
    {
        Description = "A model's folder, or its name in Hugging Face's cache; without it, the shipped models/kosmos2-shapes.",
        HelpName = "MODEL",
    };
    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda[:n], opencl[:n], reference (slow and exact), or auto.",
        DefaultValueFactory = _ => "auto",
        HelpName = "DEVICE",
    };
    private readonly Option<int?> _threads = new("--threads") { Description = "CPU threads; without it, one a physical core.", HelpName = "N" };

    private readonly Option<string?> _weights = new("--weights")
    {
        Description = "CPU: read weights packed (fast, in memory of its own) or mapped (in place); without it, packed where half the memory is enough.",
        HelpName = "mapped|packed",
    };
    private readonly Option<string?> _precision = new("--precision")
    {
        Description = "CPU: multiply weights of less than 32 bits by rows in F32 (exact) or in their own precision (fast); without it, fast for quantized models.",
        HelpName = "exact|fast",
    };

    private readonly bool _choosesModel;

    /// <summary>Makes the options.</summary>
    /// <param name="choosesModel">Whether there is a <c>--model</c>.</param>
    public ModelOptions(bool choosesModel = true)
    {
        _choosesModel = choosesModel;
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
        command.Add(_weights);
        command.Add(_precision);
    }

    public ModelChoice Read(ParseResult parse) => new(
        _choosesModel ? parse.GetValue(_model) : null, parse.GetRequiredValue(_device), parse.GetValue(_threads),
        Value<WeightResidency>(parse.GetValue(_weights)), Value<ProductPrecision>(parse.GetValue(_precision)));

    private static void OneOf<T>(Option<string?> option)
        where T : struct, Enum => option.Validators.Add(result =>
    {
        if (result.Tokens is [var token] && !Enum.GetNames<T>().Contains(token.Value, StringComparer.OrdinalIgnoreCase))
            result.AddError($"{option.Name} {token.Value}: {option.HelpName?.Replace("|", " or ", StringComparison.Ordinal)} is wanted");
    });

    private static T? Value<T>(string? name)
        where T : struct, Enum => name is null ? null : Enum.Parse<T>(name, ignoreCase: true);
}
