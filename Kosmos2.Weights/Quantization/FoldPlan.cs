using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>Which inputs of a checkpoint are folded, and what that makes of its tensors.</summary>
internal sealed class FoldPlan
{
    private readonly Dictionary<string, Lazy<InputFold>> _byLayer = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Lazy<InputFold>> _byModule = new(StringComparer.Ordinal);

    /// <summary>
    /// Takes the sources that have a bias, and whose layers all have one, become integers and have known inputs. Where none have been measured, a normalisation's parameters
    /// stand for them.
    /// </summary>
    /// <param name="config">The model's.</param>
    /// <param name="checkpoint">Its weights.</param>
    /// <param name="inputs">What layers are given, by the name of the weight; null if nothing has been measured.</param>
    /// <param name="isInteger">Whether a tensor becomes integers.</param>
    public FoldPlan(Kosmos2Config config, Checkpoint checkpoint, IReadOnlyDictionary<string, InputStatistics>? inputs, Func<string, bool> isInteger)
    {
        foreach (InputSource source in InputSource.For(config))
        {
            string[] weights = [.. source.Layers.Select(layer => $"{layer}.weight")];
            Tensor module = checkpoint[$"{source.Module}.weight"];
            bool isNorm = module.Shape.Rank == 1;
            bool takesOver = isNorm || (inputs is not null && isInteger($"{source.Module}.weight"));
            if (!takesOver || !source.Layers.Append(source.Module).All(HasBias) || !weights.All(weight => isInteger(weight) && inputs?.ContainsKey(weight) != false))
                continue;
            var fold = new Lazy<InputFold>(() =>
            {
                IEnumerable<Tensor> layers = weights.Select(weight => checkpoint[weight]);
                return inputs is null ? InputFold.Find(module, checkpoint[$"{source.Module}.bias"], layers) : InputFold.Find(inputs[weights[0]], layers);
            });
            _byModule.Add(source.Module, fold);
            foreach (string layer in source.Layers)
                _byLayer.Add(layer, fold);
        }

        bool HasBias(string module) => checkpoint.TryGet($"{module}.bias", out _);
    }

    /// <summary>How the inputs of a layer are folded; null if they are not.</summary>
    public Lazy<InputFold>? OfLayer(string module) => _byLayer.GetValueOrDefault(module);

    /// <summary>How the outputs of a normalisation or a projection are folded; null if they are not.</summary>
    public Lazy<InputFold>? OfOutputs(string module) => _byModule.GetValueOrDefault(module);
}
