using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>bfloat16 operands: a step is two inputs, their products summed in F32.</summary>
/// <typeparam name="S">A vector of sixteen floats.</typeparam>
internal readonly unsafe struct BFloat16Format<S> : IProductFormat
    where S : unmanaged, ISimd<S>
{
    public static int StepInputs => 2;

    public static int StepWords => 1;

    public static int BlockSteps => 128;

    public static int StepLoads => 1;

    public static int PanelWords => Panel<S>.Width;

    public static void PackRows(PackedRows rows, RowPanels panels, int panel, float* room)
    {
        uint* words = stackalloc uint[16];
        int first = panels.Start(panel);
        int count = panels.Start(panel + 1) - first;
        int steps = ProductSteps.Of<BFloat16Format<S>>(rows.Inputs);
        for (int row = 0; row < count; row++)
        {
            float* source = rows.Row<S>(first + row, room);
            for (int block = 0; block < steps; block += BlockSteps)
            {
                int depth = Math.Min(BlockSteps, steps - block);
                uint* destination = (uint*)rows.Words + ((nint)block * panels.Rows) + ((nint)first * depth) + row;
                for (int step = 0; step < depth; step += 16)
                {
                    int k = StepInputs * (block + step);
                    Vector512<float> high = k + 16 < rows.Inputs ? RowWords.Load<S>(source, k + 16, rows.Inputs) : default;
                    RowWords.BFloat16s(RowWords.Load<S>(source, k, rows.Inputs), high).Store((ushort*)words);
                    RowWords.Scatter(words, Math.Min(16, depth - step), destination + ((nint)step * count), count);
                }
            }
        }
    }

    public static void PackWeight(LinearOperands* layer, int column, int step, int count, float* packed, float* room) =>
        layer->Weight.Read<S, Packer>(new Packer(layer, column, step, count, packed, room));

    public static void Begin(LinearOperands* layer, int column, PackedRows rows, int count, float* strip) =>
        Float32Format<S>.Begin(layer, column, rows, count, strip);

    /// <summary>Rounds a piece of a panel, from whatever type its rows have, to rows of words in the room, and transposes those.</summary>
    private readonly struct Packer(LinearOperands* layer, int column, int step, int count, float* packed, float* room) : IWeightReader<S>
    {
        public void Read<TSource>(TSource source)
            where TSource : unmanaged, IRowSource<S>
        {
            int rows = Math.Min(Panel<S>.Width, layer->Outputs - column);
            float* floats = stackalloc float[32];
            for (int row = 0; row < rows; row++)
            {
                for (int word = 0; word < count; word += 16)
                {
                    int k = StepInputs * (step + word);
                    Load(source, column + row, k, floats);
                    Load(source, column + row, k + 16, floats + 16);
                    Vector512<uint> words = RowWords.BFloat16s(Vector512.Load(floats), Vector512.Load(floats + 16)).AsUInt32();
                    Unsafe.BitCast<Vector512<uint>, S>(words).StorePartial(room + (row * BlockSteps) + word, Math.Min(16, count - word));
                }
            }
            Packing.Pack<S, F32Rows<S>>(new(room, BlockSteps), 0, rows, 0, count, packed, Panel<S>.Width, Panel<S>.Width);
        }

        private void Load<TSource>(TSource source, int row, int k, float* floats)
            where TSource : unmanaged, IRowSource<S>
        {
            int left = layer->Inputs - k;
            S values = left >= 16 ? source.Load(row, k) : left > 0 ? source.LoadPartial(row, k, left) : default;
            values.Store(floats);
        }
    }
}
