namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>The parameters of a matmul's text, in the order of <see cref="ProductOperands"/>. Blocks with the same z compute one layer, whose pointers these are.</summary>
internal sealed class ProductParameters
{
    /// <summary>Reads them.</summary>
    public ProductParameters(PtxText text)
    {
        (X, Residual) = (text.Pointer(), text.Pointer());
        (Rows, Inputs, Outputs, Activation) = (text.Parameter("s32"), text.Parameter("s32"), text.Parameter("s32"), text.Parameter("s32"));
        (GroupSize, Groups) = (text.Parameter("s32"), text.Parameter("s32"));
        (W, Bias, Y, Scales, Zeros) = (text.Pointer(), text.Pointer(), text.Pointer(), text.Pointer(), text.Pointer());
        string layer = text.B32("mov.u32", "%ctaid.z");
        for (int other = 1; other < ProductOperands.MostLayers; other++)
        {
            string mine = text.Predicate("setp.eq.s32", layer, other);
            W = text.B64("selp.b64", text.Pointer(), W, mine);
            Bias = text.B64("selp.b64", text.Pointer(), Bias, mine);
            Y = text.B64("selp.b64", text.Pointer(), Y, mine);
            Scales = text.B64("selp.b64", text.Pointer(), Scales, mine);
            Zeros = text.B64("selp.b64", text.Pointer(), Zeros, mine);
        }
    }

    /// <summary>[rows, in].</summary>
    public string X { get; }

    /// <summary>[out, in].</summary>
    public string W { get; }

    /// <summary>[out], or a null pointer.</summary>
    public string Bias { get; }

    /// <summary>[rows, out], or a null pointer.</summary>
    public string Residual { get; }

    /// <summary>[rows, out].</summary>
    public string Y { get; }

    /// <summary>Rows of x and y.</summary>
    public string Rows { get; }

    /// <summary>Columns of x and W.</summary>
    public string Inputs { get; }

    /// <summary>Rows of W, columns of y.</summary>
    public string Outputs { get; }

    /// <summary>A <see cref="Kosmos2.Kernels.Activation"/> as a number.</summary>
    public string Activation { get; }

    /// <summary>Inputs that share a scale, where W is of small integers.</summary>
    public string GroupSize { get; }

    /// <summary>Groups of a row.</summary>
    public string Groups { get; }

    /// <summary>[out, groups], or a null pointer where W is of floats.</summary>
    public string Scales { get; }

    /// <summary>[out, groups] of 8 bits, or a null pointer.</summary>
    public string Zeros { get; }
}
