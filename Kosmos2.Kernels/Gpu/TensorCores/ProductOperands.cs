namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Where a product's operands lie on the device. A null pointer stands for no bias and for no residual.</summary>
internal readonly record struct ProductOperands(ulong X, ulong W, ulong Bias, ulong Residual, ulong Y)
{
    /// <summary>Puts y = activation(x W^T + b) + residual into a stream. Every matmul of ours takes these parameters, in this order.</summary>
    public void Launch(PtxKernel kernel, nint stream, int blocks, int rows, int inputs, int outputs, Activation activation) =>
        kernel.Launch(stream, blocks, [X, W, Bias, Residual, Y, (ulong)rows, (ulong)inputs, (ulong)outputs, (ulong)activation]);
}
