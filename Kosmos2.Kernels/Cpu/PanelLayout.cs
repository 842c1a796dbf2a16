using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;

namespace Kosmos2.Kernels.Cpu;

/// <summary>How the panels of a weight lie in memory: [panel][step][words of a step], the last panel filled up with zeros.</summary>
/// <param name="Format">What products with them compute with.</param>
/// <param name="Outputs">Outputs of a panel.</param>
/// <param name="StepInputs">Inputs of a step.</param>
/// <param name="StepWords">32-bit words of a panel's step.</param>
internal readonly record struct PanelLayout(ProductFormat Format, int Outputs, int StepInputs, int StepWords)
{
    /// <summary>To be raised when any format's panels change, since files hold them.</summary>
    public const int Version = 1;

    /// <summary>A format's panels.</summary>
    /// <param name="format">Its name.</param>
    /// <param name="outputs">Outputs of a panel.</param>
    public static PanelLayout Of<TFormat>(ProductFormat format, int outputs)
        where TFormat : IProductFormat => new(format, outputs, TFormat.StepInputs, TFormat.PanelWords);

    /// <summary>Panels of a weight [out, in].</summary>
    public int PanelsOf(Shape weight) => (weight.Rows + Outputs - 1) / Outputs;

    /// <summary>Bytes of a weight's panels: whole cache lines, so that they can follow one another in a file.</summary>
    public long BytesOf(Shape weight)
    {
        long bytes = checked((long)PanelsOf(weight) * ((weight.Width + StepInputs - 1) / StepInputs) * StepWords * sizeof(float));
        return checked(bytes + CacheLine.Bytes - 1) / CacheLine.Bytes * CacheLine.Bytes;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Format}x{Outputs}";
}
