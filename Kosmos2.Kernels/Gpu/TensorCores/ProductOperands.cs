namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// What a layer over given rows has of its own: W [out, in], b [out] or a null pointer, y [rows, out]; for small integers their scales [out, groups],
/// and their zero points if they have any.
/// </summary>
internal readonly record struct ProductLayer(ulong W, ulong Bias, ulong Y, ulong Scales = 0, ulong Zeros = 0);

/// <summary>
/// Where a product's operands lie on the device. A null pointer stands for no residual; a second and a third layer of the same shape may
/// be computed in the same launch. Groups of inputs that share a scale are for weights of small integers.
/// </summary>
internal readonly record struct ProductOperands(
    ulong X, ulong Residual, ProductLayer First, ProductLayer Second = default, ProductLayer Third = default, int GroupSize = 0, int Groups = 0)
{
    /// <summary>Layers of one launch: query, key and value.</summary>
    public const int MostLayers = 3;

    /// <summary>Layers that are there.</summary>
    public int Layers => Third.W != 0 ? 3 : Second.W != 0 ? 2 : 1;

    /// <summary>Puts y = activation(x W^T + b) + residual into a stream. Every matmul of ours takes these parameters, in this order.</summary>
    /// <param name="kernel">The matmul.</param>
    /// <param name="stream">The driver's stream.</param>
    /// <param name="tiles">Of y.</param>
    /// <param name="splits">Blocks over the inputs of a tile.</param>
    /// <param name="rows">Of x and y.</param>
    /// <param name="inputs">Columns of x and W.</param>
    /// <param name="outputs">Rows of W.</param>
    /// <param name="activation">Applied before the residual.</param>
    public void Launch(PtxKernel kernel, nint stream, int tiles, int splits, int rows, int inputs, int outputs, Activation activation) => kernel.Launch(
        stream,
        new LaunchGrid(tiles, splits, Layers),
        [
            X, Residual, (ulong)rows, (ulong)inputs, (ulong)outputs, (ulong)activation, (ulong)GroupSize, (ulong)Groups,
            First.W, First.Bias, First.Y, First.Scales, First.Zeros,
            Second.W, Second.Bias, Second.Y, Second.Scales, Second.Zeros,
            Third.W, Third.Bias, Third.Y, Third.Scales, Third.Zeros,
        ]);
}
