namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>One linear layer of a call as pointers: y = activation(x W^T + b) + residual.</summary>
internal unsafe struct LinearOperands
{
    public WeightOperands Weight;

    /// <summary>What the product computes with.</summary>
    public ProductFormat Format;

    /// <summary>The packed weight, [panel][step][words of a step], or null where it is packed anew for each product.</summary>
    public float* Panels;

    /// <summary>[panels] whether a panel has been written to <see cref="Panels"/>.</summary>
    public byte* Written;

    /// <summary>Length of an input row.</summary>
    public int Inputs;

    /// <summary>Length of an output row, and the distance of two rows of y and of the residual.</summary>
    public int Outputs;

    /// <summary>[Outputs], or null.</summary>
    public float* Bias;

    /// <summary>[rows, Outputs].</summary>
    public float* Y;

    /// <summary>[rows, Outputs], or null; may be Y.</summary>
    public float* Residual;

    public Activation Activation;

    public LinearOperands(LinearParameters layer, float* y, Activation activation = Activation.Identity, float* residual = null)
        : this((CpuWeight)layer.Weight, y)
    {
        Bias = layer.Bias is null ? null : (float*)layer.Bias.HostPointer;
        Activation = activation;
        Residual = residual;
    }

    public LinearOperands(CpuWeight weight, float* y)
    {
        this = default;
        Weight = weight.ProductOperands;
        Inputs = weight.Shape.Width;
        Outputs = weight.Shape.Rows;
        Y = y;
        Format = weight.Format;
        if (weight is PackedWeight packed)
        {
            Panels = packed.Memory;
            Written = packed.Written;
        }
    }
}
