using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Weights of 8 bits as they lie and rows of <see cref="PairedBytes"/>: thirty-two weights at a time lose their sign and are multiplied as bytes. A packed row is
/// [inputs] bytes, then [groups] scales, then [groups] corrections for what the weights' offset adds.
/// </summary>
internal readonly unsafe struct PairedInt8Direct : IDirectFormat
{
    private const int Outputs = DirectKernel.Outputs;
    private const int Offset = 128;

    public static int Inputs => PairedBytes.Inputs;

    public static int RowWords(int inputs) => (inputs / sizeof(float)) + (2 * (inputs / Inputs));

    public static void Pack<S>(PackedRows rows, int row, float* room)
        where S : unmanaged, ISimd<S>
    {
        float* source = rows.Row<S>(row, room);
        float* words = rows.Words + ((nint)row * RowWords(rows.Inputs));
        float* scales = words + (rows.Inputs / sizeof(float));
        int* corrections = (int*)scales + (rows.Inputs / Inputs);
        for (int start = 0; start < rows.Inputs; start += Inputs)
        {
            sbyte* bytes = (sbyte*)words + start;
            (float inverse, *scales++) = PairedBytes.Range<S>(source + start, Inputs);
            *corrections++ = -Offset * IntegerRows<S>.Round(source, start, rows.Inputs, inverse, bytes, Inputs);
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TRows>(LinearOperands* layer, int column, in PackedRows rows, float* sums, int stride)
        where TRows : ITileRows
    {
        Vector256<int>* products = stackalloc Vector256<int>[Outputs * TRows.Count];
        QuantizedOperands weight = layer->Weight.Integers;
        byte* values = (byte*)weight.Values + (column * weight.RowBytes);
        int last = Math.Min(Outputs, layer->Outputs - column) - 1;
        int inputs = layer->Inputs, groups = inputs / Inputs;
        nint rowBytes = sizeof(float) * (nint)RowWords(inputs);
        float* scales = rows.Words + (inputs / sizeof(float));
        for (int group = 0; group < groups; group++)
        {
            sbyte* x = (sbyte*)rows.Words + (group * Inputs);
            for (int output = 0; output < Outputs; output++)
            {
                byte* w = values + (Math.Min(output, last) * weight.RowBytes) + (group * Inputs);
                CacheLine.Prefetch(w + (Outputs * weight.RowBytes));
                Vector256<byte> first = Vector256.Load(w) ^ Vector256.Create((byte)Offset), second = Vector256.Load(w + Vector256<byte>.Count) ^ Vector256.Create((byte)Offset);
                products[output] = Products(first, second, x);
                if (TRows.Count > 1)
                    products[Outputs + output] = Products(first, second, x + rowBytes);
                if (TRows.Count > 2)
                    products[(2 * Outputs) + output] = Products(first, second, x + (2 * rowBytes));
                if (TRows.Count > 3)
                    products[(3 * Outputs) + output] = Products(first, second, x + (3 * rowBytes));
            }
            for (int row = 0; row < TRows.Count; row++)
            {
                float* scale = scales + (row * rowBytes / sizeof(float)) + group;
                Vector256<int> exact = DirectKernel.LaneSums(products + (row * Outputs)) + Vector256.Create(((int*)scale)[groups]);
                float* to = sums + (row * stride);
                Simd256.MultiplyAdd(new(Vector256.ConvertToSingle(exact)), Simd256.Broadcast(*scale), Simd256.Load(to)).Store(to);
            }
        }
    }

    // 64 products, in eight sums.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Products(Vector256<byte> first, Vector256<byte> second, sbyte* x) =>
        Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(first, Vector256.Load(x)), Vector256<short>.One)
        + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(second, Vector256.Load(x + Vector256<sbyte>.Count)), Vector256<short>.One);
}
