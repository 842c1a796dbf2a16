using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>What a product computes with.</summary>
internal enum ProductFormat
{
    /// <summary>F32 times F32. Weights of other types are widened.</summary>
    Float32,

    /// <summary>As <see cref="Float32"/>; packed weights stay BF16 in memory.</summary>
    WidenedBFloat16,

    /// <summary>As <see cref="Float32"/>; packed weights stay F16 in memory.</summary>
    WidenedFloat16,

    /// <summary>bfloat16 times bfloat16, summed in F32 (vdpbf16ps). Weights and rows are rounded.</summary>
    BFloat16,

    /// <summary>8-bit weights with a scale an output, rows rounded to 8 bits with a scale for each group of inputs, summed exactly by vpdpbusd.</summary>
    Int8,

    /// <summary>As <see cref="Int8"/>, with rows of <see cref="PairedBytes"/>, whose products need no more than every machine has.</summary>
    PairedInt8,

    /// <summary>4-bit weights with a scale for each group of inputs, rows rounded to 8 bits with one scale.</summary>
    Int4,
}

/// <summary>Whose operands lie in memory how: rows and weights in the micro-kernel's words, and what surrounds its sums.</summary>
internal unsafe interface IProductFormat
{
    /// <summary>Inputs that a step of the micro-kernel takes.</summary>
    static abstract int StepInputs { get; }

    /// <summary>32-bit words of a packed row in a step.</summary>
    static abstract int StepWords { get; }

    /// <summary>Steps of a block: a piece of a panel of weights then takes about half of a first-level cache.</summary>
    static abstract int BlockSteps { get; }

    /// <summary>Pairs of vectors of weights that the micro-kernel loads in a step, its rows' scales left out.</summary>
    static abstract int StepLoads { get; }

    /// <summary>32-bit words of a panel of weights in a step.</summary>
    static abstract int PanelWords { get; }

    /// <summary>Packs the rows of a panel: for each block of steps [steps][StepWords][rows].</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="panels">How they are divided.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="room">Working memory for one row.</param>
    static abstract void PackRows(PackedRows rows, RowPanels panels, int panel, float* room);

    /// <summary>Packs steps of a panel of weights.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="column">First output of the panel; it may reach past the last one.</param>
    /// <param name="step">First step.</param>
    /// <param name="count">Steps, at most a block.</param>
    /// <param name="packed">[count][PanelWords].</param>
    /// <param name="room">Working memory for a block.</param>
    static abstract void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room);

    /// <summary>Whether <see cref="Expand"/> does anything.</summary>
    static virtual bool Expands => false;

    /// <summary>What the micro-kernel reads: the packed steps themselves, or what they become in the working memory.</summary>
    /// <param name="packed">[count][PanelWords].</param>
    /// <param name="count">Steps.</param>
    /// <param name="room">Working memory for a block.</param>
    static virtual float* Expand(float* packed, int count, float* room) => packed;

    /// <summary>Adds all products of few rows with a panel of a weight that is not packed, where that is faster than packing it for them.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="column">First output of the panel.</param>
    /// <param name="rows">The packed rows.</param>
    /// <param name="count">How many, at most a tile.</param>
    /// <param name="strip">[rows][panel width].</param>
    /// <returns>False where nothing was done.</returns>
    static virtual bool MultiplyMapped(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) => false;

    /// <summary>Packed panels that <see cref="MultiplyTogether"/> takes at once with a number of rows; 0: it takes none.</summary>
    static virtual int PanelsTogether(int rows) => 0;

    /// <summary>Adds all products of few rows with panels that have been packed.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="panel">The first of the panels.</param>
    /// <param name="rows">The packed rows.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="strips">[panels][rows][panel width].</param>
    static virtual void MultiplyTogether(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips) => throw new NotSupportedException();

    /// <summary>Fills a strip [rows][panel width] with what its sums start from.</summary>
    static abstract void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip);

    /// <summary>Turns a strip's sums into F32 with the bias in them, where they are not from the start.</summary>
    static virtual void Finish(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
    }
}

/// <summary>How many steps a micro-kernel takes.</summary>
internal static class ProductSteps
{
    /// <summary>For rows of so many inputs; the last step may be a part.</summary>
    public static int Of<TFormat>(int inputs)
        where TFormat : IProductFormat => (inputs + TFormat.StepInputs - 1) / TFormat.StepInputs;

    /// <summary>
    /// From a block of a weight's row to the one that is packed next: the row's next, or, behind the last, the first of the row a panel further on. A panel's rows are more
    /// streams than the hardware follows by itself, so packing asks for them.
    /// </summary>
    /// <param name="step">First step of the block.</param>
    /// <param name="inputs">Of a row.</param>
    /// <param name="stepLength">What a step takes of a row, in any unit.</param>
    /// <param name="panelLength">From a row to the one a panel further on, in the same unit.</param>
    public static nint Ahead<TFormat>(int step, int inputs, int stepLength, nint panelLength)
        where TFormat : IProductFormat =>
        step + TFormat.BlockSteps < Of<TFormat>(inputs) ? (nint)TFormat.BlockSteps * stepLength : panelLength - ((nint)step * stepLength);
}

/// <summary>The rows of a product, before and after packing.</summary>
internal unsafe struct PackedRows
{
    /// <summary>[rows][Inputs], in F32.</summary>
    public float* Source;

    /// <summary>Length of a row.</summary>
    public int Inputs;

    /// <summary>Normalisation on the way, or null.</summary>
    public NormOperands? Norm;

    /// <summary>The packed words of all panels.</summary>
    public float* Words;

    /// <summary>[rows] what a row's integers are multiplied by; where a row has one scale.</summary>
    public float* Scales;

    /// <summary>A row as it enters the product: itself, or normalised into <paramref name="room"/>.</summary>
    public readonly float* Row<S>(int row, float* room)
        where S : unmanaged, ISimd<S>
    {
        float* source = Source + ((nint)row * Inputs);
        if (Norm is not { } norm)
            return source;
        Normalization.Row<S>(source, room, Inputs, norm);
        return room;
    }
}
