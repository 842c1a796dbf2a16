using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Weights of 8 bits as they lie and rows of <see cref="PlainBytes"/>: sixteen weights at a time become 16-bit integers and are multiplied with those of the row. A packed row is
/// [inputs] 16-bit integers, then [groups] scales.
/// </summary>
internal readonly unsafe struct Int8Direct : IDirectFormat
{
    private const int Outputs = DirectKernel.Outputs;

    public static int Inputs => PlainBytes.Inputs;

    public static int RowWords(int inputs) => (inputs / 2) + (inputs / Inputs);

    public static void Pack<S>(PackedRows rows, int row, float* room)
        where S : unmanaged, ISimd<S>
    {
        sbyte* bytes = stackalloc sbyte[Inputs];
        float* source = rows.Row<S>(row, room);
        float* words = rows.Words + ((nint)row * RowWords(rows.Inputs));
        float* scales = words + (rows.Inputs / 2);
        for (int start = 0; start < rows.Inputs; start += Inputs)
        {
            (float inverse, scales[start / Inputs]) = PlainBytes.Range<S>(source + start, Inputs);
            IntegerRows<S>.Round(source, start, rows.Inputs, inverse, bytes, Inputs);
            for (int i = 0; i < Inputs; i += 16)
                Avx2.ConvertToVector256Int16(bytes + i).Store((short*)words + start + i);
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TRows>(LinearOperands* layer, int column, in PackedRows rows, float* sums, int stride)
        where TRows : ITileRows
    {
        Vector256<int>* products = stackalloc Vector256<int>[Outputs * TRows.Count];
        QuantizedOperands weight = layer->Weight.Integers;
        sbyte* values = (sbyte*)weight.Values + (column * weight.RowBytes);
        int last = Math.Min(Outputs, layer->Outputs - column) - 1;
        int inputs = layer->Inputs;
        nint rowShorts = 2 * (nint)RowWords(inputs);
        float* scales = rows.Words + (inputs / 2);
        for (int start = 0; start < inputs; start += Inputs)
        {
            short* x = (short*)rows.Words + start;
            for (int output = 0; output < Outputs; output++)
            {
                sbyte* w = values + (Math.Min(output, last) * weight.RowBytes) + start;
                CacheLine.Prefetch(w + (Outputs * weight.RowBytes));
                CacheLine.Prefetch(w + (Outputs * weight.RowBytes) + (Inputs / 2));
                Vector256<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
                for (int i = 0; i < Inputs; i += 16)
                {
                    Vector256<short> sixteen = Avx2.ConvertToVector256Int16(w + i);
                    sum0 += Avx2.MultiplyAddAdjacent(sixteen, Vector256.Load(x + i));
                    if (TRows.Count > 1)
                        sum1 += Avx2.MultiplyAddAdjacent(sixteen, Vector256.Load(x + rowShorts + i));
                    if (TRows.Count > 2)
                        sum2 += Avx2.MultiplyAddAdjacent(sixteen, Vector256.Load(x + (2 * rowShorts) + i));
                    if (TRows.Count > 3)
                        sum3 += Avx2.MultiplyAddAdjacent(sixteen, Vector256.Load(x + (3 * rowShorts) + i));
                }
                products[output] = sum0;
                if (TRows.Count > 1)
                    products[Outputs + output] = sum1;
                if (TRows.Count > 2)
                    products[(2 * Outputs) + output] = sum2;
                if (TRows.Count > 3)
                    products[(3 * Outputs) + output] = sum3;
            }
            for (int row = 0; row < TRows.Count; row++)
            {
                var sum = new Simd256(Vector256.ConvertToSingle(DirectKernel.LaneSums(products + (row * Outputs))));
                float* to = sums + (row * stride);
                Simd256.MultiplyAdd(sum, Simd256.Broadcast(scales[(row * rowShorts / 2) + (start / Inputs)]), Simd256.Load(to)).Store(to);
            }
        }
    }
}
