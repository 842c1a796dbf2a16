using Kosmos2.Kernels;

namespace Kosmos2.Engine.Calibration;

/// <summary>A backend that takes note of the rows that each weight multiplies.</summary>
/// <param name="inner">Does the work; disposed with this one.</param>
internal sealed class RecordingBackend(IBackend inner) : DelegatingBackend(inner)
{
    private readonly Dictionary<PreparedWeight, InputMoments> _moments = [];

    /// <summary>What a weight was given; null if it was given nothing. Weights of one group share it.</summary>
    public InputMoments? Of(PreparedWeight weight) => _moments.GetValueOrDefault(weight);

    public override void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null)
    {
        Record(x, [layer], norm);
        base.Linear(x, layer, y, activation, residual, norm);
    }

    public override void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null)
    {
        Record(x, layers, norm);
        base.LinearGroup(x, layers, y, norm);
    }

    private void Record(Tensor x, ReadOnlySpan<LinearParameters> layers, LayerNormParameters? norm)
    {
        var rows = new float[x.Shape.ElementCount];
        using (Tensor given = Allocate(DType.F32, x.Shape.Extents))
        {
            if (norm is null)
                Copy(x, given);
            else
                LayerNorm(x, norm, given);
            Download<float>(given, rows);
        }
        if (!_moments.TryGetValue(layers[0].Weight, out InputMoments? moments))
        {
            moments = new InputMoments(layers[0].Inputs);
            foreach (LinearParameters layer in layers)
                _moments.Add(layer.Weight, moments);
        }
        moments.Add(rows);
    }
}
