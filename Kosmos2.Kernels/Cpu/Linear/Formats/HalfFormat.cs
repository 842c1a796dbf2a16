using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Weights of F16 or BF16 that stay 16 bits wide in their panels, so that decoding reads two bytes a weight; a block is widened in the
/// first-level cache before the micro-kernel of F32 takes it, where it does not widen it in registers. Results are those of <see cref="Float32Format{S}"/>, bit for bit.
/// </summary>
internal readonly unsafe struct HalfFormat<S, THalf> : IProductFormat
    where S : unmanaged, ISimd<S>
    where THalf : IHalfFormat
{
    public static int StepInputs => Float32Format<S>.StepInputs;

    public static int StepWords => Float32Format<S>.StepWords;

    public static int BlockSteps => Float32Format<S>.BlockSteps;

    public static int StepLoads => Float32Format<S>.StepLoads;

    public static int PanelWords => Panel<S>.Width / 2;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room) => Float32Format<S>.PackRows(rows, panels, panel, room);

    /// <summary>Of each step two outputs a word, as the type wants them; zeros past the last output.</summary>
    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room)
    {
        int rows = Math.Min(Panel<S>.Width, layer->Outputs - column);
        ushort* source = (ushort*)layer->Weight.Elements + ((nint)column * layer->Inputs) + step;
        nint ahead = ProductSteps.Ahead<HalfFormat<S, THalf>>(step, layer->Inputs, 1, (nint)Panel<S>.Width * layer->Inputs);
        for (int row = 0; row < rows; row++)
            CacheLine.Prefetch(source + ((nint)row * layer->Inputs) + ahead, count * sizeof(ushort));
        for (int word = 0; word < PanelWords; word++)
        {
            (int low, int high) = THalf.ColumnsOf<S>(word);
            Pair(low < rows ? source + ((nint)low * layer->Inputs) : null, high < rows ? source + ((nint)high * layer->Inputs) : null, count, (uint*)room + (word * BlockSteps));
        }
        Packing.Pack<S, F32Rows<S>>(new(room, BlockSteps), 0, PanelWords, 0, count, packed, PanelWords, PanelWords);
    }

    public static bool Expands => true;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float* Expand(float* packed, int count, float* room)
    {
        ushort* halves = (ushort*)packed;
        int length = count * Panel<S>.Width;
        for (int i = 0; i < length; i += Panel<S>.Width)
        {
            THalf.LoadStep(halves + i, out S left, out S right);
            left.Store(room + i);
            right.Store(room + i + S.Width);
        }
        return room;
    }

    public static int PanelsTogether(int rows) => StreamTile<S, HalfElements<THalf>>.Panels(rows);

    public static void MultiplyTogether(LinearOperands* layer, int panel, PackedRows rows, int count, float* strips) =>
        Float32Format<S>.MultiplyTogether<HalfElements<THalf>>(layer, panel, rows, count, strips);

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        Float32Format<S>.Begin(layer, column, rows, count, strip);

    // words[i] = low[i] and, above it, high[i].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pair(ushort* low, ushort* high, int count, uint* words)
    {
        int i = 0;
        for (; i <= count - Vector128<ushort>.Count; i += Vector128<ushort>.Count)
        {
            Vector128<ushort> lower = low == null ? default : Vector128.Load(low + i), upper = high == null ? default : Vector128.Load(high + i);
            (Vector128.WidenLower(lower) | (Vector128.WidenLower(upper) << 16)).Store(words + i);
            (Vector128.WidenUpper(lower) | (Vector128.WidenUpper(upper) << 16)).Store(words + i + Vector128<uint>.Count);
        }
        for (; i < count; i++)
            words[i] = (low == null ? 0u : low[i]) | ((high == null ? 0u : high[i]) << 16);
    }
}
