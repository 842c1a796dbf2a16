using Kosmos2.Kernels;

namespace Kosmos2.Engine.Measurement;

/// <summary>A product [rows, inputs] x [outputs, inputs]^T, measured beside a vendor's library.</summary>
/// <param name="Rows">Of x.</param>
/// <param name="Outputs">Of W.</param>
/// <param name="Inputs">Of both.</param>
/// <param name="Type">Of both.</param>
/// <param name="OperationsPerSecond">Ours.</param>
/// <param name="PeerOperationsPerSecond">The library's; null where it is not installed.</param>
internal sealed record ProductFigure(int Rows, int Outputs, int Inputs, DType Type, double OperationsPerSecond, double? PeerOperationsPerSecond)
{
    /// <summary>Our speed as a part of the library's.</summary>
    public double? Share => OperationsPerSecond / PeerOperationsPerSecond;
}
