using System.CommandLine;
using Kosmos2.Cli.Tasks;

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

    private readonly bool _choosesModel;

    /// <summary>Makes the options.</summary>
    /// <param name="choosesModel">Whether there is a <c>--model</c>.</param>
    public ModelOptions(bool choosesModel = true)
    {
        _choosesModel = choosesModel;
        SharedOptions.Positive(_threads);
    }

    public void AddTo(Command command)
    {
        if (_choosesModel)
            command.Add(_model);
        command.Add(_device);
        command.Add(_threads);
    }

    public ModelChoice Read(ParseResult parse) => new(_choosesModel ? parse.GetValue(_model) : null, parse.GetRequiredValue(_device), parse.GetValue(_threads));
}
