using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>F32 operands: a step is one input. Sums start from the bias; F16 and BF16 weights are widened while they are packed.</summary>
internal readonly unsafe struct Float32Format<S> : IProductFormat
    where S : unmanaged, ISimd<S>
{
    public static int StepInputs => 1;

    public static int StepWords => 1;

    public static int BlockSteps => 128;

    public static int StepLoads => 1;

    public static int PanelWords => Panel<S>.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        if (rows.Norm is not { } norm)
        {
            Pack(rows, panels, panel, new F32Rows<S>(rows.Source, rows.Inputs));
            return;
        }
        RowMoments* moments = stackalloc RowMoments[TileTable.MostRows];
        int first = panels.Start(panel);
        for (int row = first; row < panels.Start(panel + 1); row++)
            moments[row - first] = Normalization.Moments<S>(rows.Source + ((nint)row * rows.Inputs), rows.Inputs, norm.Epsilon);
        Pack(rows, panels, panel, new NormalizedRows<S>(rows.Source, rows.Inputs, norm, moments, first));
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        int rows = Math.Min(Panel<S>.Width, layer->Outputs - column);
        nint ahead = ProductSteps.Ahead<Float32Format<S>>(step, layer->Inputs, 1, (nint)Panel<S>.Width * layer->Inputs);
        layer->Weight.Read<S, Packer>(new Packer(column, rows, step, count, packed, ahead));
    }

    public static bool MultiplyMapped(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        MappedTile.TryMultiply<S>(layer, column, BlockSteps, rows.Words, count, strip);

    public static int PanelsTogether(int rows) => StreamTile<S, FloatElements>.Panels(rows);

    public static void MultiplyTogether(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips) =>
        MultiplyTogether<FloatElements>(layer, panel, rows, count, strips);

    /// <summary>As the other, for panels that hold another type of element.</summary>
    public static void MultiplyTogether<TElements>(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips)
        where TElements : unmanaged, IPanelElements
    {
        nint stepBytes = Panel<S>.Width * TElements.Bytes;
        nint panelBytes = layer->Inputs * stepBytes;
        for (int step = 0; step < layer->Inputs; step += BlockSteps)
        {
            byte* block = (byte*)layer->Panels + (panel * panelBytes) + (step * stepBytes);
            StreamTile<S, TElements>.Run(count, rows.Words + ((nint)step * count), block, panelBytes, strips, Math.Min(BlockSteps, layer->Inputs - step));
        }
    }

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip)
    {
        (S left, S right) = Panel<S>.Load(layer->Bias, column, layer->Outputs);
        for (int row = 0; row < count; row++)
        {
            left.Store(strip + ((nint)row * Panel<S>.Width));
            right.Store(strip + ((nint)row * Panel<S>.Width) + S.Width);
        }
    }

    private static void Pack<TSource>(PackedRows rows, RowPanels panels, int panel, TSource source)
        where TSource : unmanaged, IRowSource<S>
    {
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        for (int k = 0; k < rows.Inputs; k += BlockSteps)
        {
            int depth = Math.Min(BlockSteps, rows.Inputs - k);
            float* destination = rows.Words + ((nint)k * panels.Rows) + ((nint)first * depth);
            Packing.Pack<S, TSource>(source, first, count, k, depth, destination, count, count);
        }
    }

    /// <summary>Packs a piece of a panel from whatever type its rows have.</summary>
    private readonly struct Packer(int column, int rows, int k, int depth, float* packed, nint ahead) : IWeightReader<S>
    {
        public void Read<TSource>(TSource source)
            where TSource : unmanaged, IRowSource<S> =>
            Packing.Pack<S, TSource>(source, column, rows, k, depth, packed, Panel<S>.Width, Panel<S>.Width, ahead);
    }
}
