using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Words of eight 4-bit weights as they lie: a vector is two groups of 32, its low halves of bytes the even inputs, its high halves the odd ones. A packed row is
/// [pairs of groups][even, odd][8] words of four bytes, then [groups] corrections for the weights' offset of 8.
/// </summary>
internal readonly unsafe struct Int4Direct : IDirectFormat
{
    private const int Outputs = DirectKernel.Outputs;
    private const int Offset = 8;

    public static int Inputs => 2 * Int4Group.Inputs;

    public static int RowWords(int inputs) => (inputs / 4) + (inputs / Int4Group.Inputs);

    public static void Pack<S>(PackedRows rows, int row, float* room)
        where S : unmanaged, ISimd<S>
    {
        sbyte* bytes = stackalloc sbyte[Inputs];
        float* source = rows.Row<S>(row, room);
        uint* words = (uint*)rows.Words + ((nint)row * RowWords(rows.Inputs));
        int* corrections = (int*)words + (rows.Inputs / 4);
        (float inverse, rows.Scales[row]) = IntegerRows<S>.Range(source, rows.Inputs);
        for (int start = 0; start < rows.Inputs; start += Inputs, words += Inputs / 4)
        {
            for (int i = 0; i < Inputs; i += Int4Group.Inputs)
            {
                *corrections++ = -Offset * IntegerRows<S>.Round(source, start + i, rows.Inputs, inverse, bytes + i, Int4Group.Inputs);
                Int4Group.Part(bytes + i);
            }
            for (int word = 0; word < Outputs; word++)
            {
                words[word] = ((uint*)bytes)[2 * word];
                words[Outputs + word] = ((uint*)bytes)[(2 * word) + 1];
            }
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add<TRows>(LinearOperands* layer, int column, in PackedRows rows, float* sums, int stride)
        where TRows : ITileRows
    {
        Vector256<short>* products = stackalloc Vector256<short>[Outputs * TRows.Count];
        float* scales = stackalloc float[Int4Group.BlockSteps * Outputs];
        QuantizedOperands weight = layer->Weight.Integers;
        int last = Math.Min(Outputs, layer->Outputs - column) - 1;
        int groups = layer->Inputs / Int4Group.Inputs;
        nint rowWords = RowWords(layer->Inputs);
        int* corrections = (int*)rows.Words + (layer->Inputs / 4);
        for (int block = 0; block < groups; block += Int4Group.BlockSteps)
        {
            int end = Math.Min(block + Int4Group.BlockSteps, groups);
            LoadScales(weight, column, last, block, end, scales);
            for (int group = block; group < end; group += 2)
            {
                sbyte* x = (sbyte*)rows.Words + (group * Int4Group.Inputs);
                byte* values = weight.Values + (column * weight.RowBytes) + (group * (Int4Group.Inputs / 2));
                for (int output = 0; output < Outputs; output++)
                {
                    byte* w = values + (Math.Min(output, last) * weight.RowBytes);
                    if (group % 4 == 0)
                        CacheLine.Prefetch(w + (Outputs * weight.RowBytes));
                    Vector256<byte> halves = Vector256.Load(w);
                    Vector256<byte> low = halves & Vector256.Create((byte)15);
                    Vector256<byte> high = Vector256.ShiftRightLogical(halves.AsUInt16(), 4).AsByte() & Vector256.Create((byte)15);
                    products[output] = Products(low, high, x);
                    if (TRows.Count > 1)
                        products[Outputs + output] = Products(low, high, x + (4 * rowWords));
                    if (TRows.Count > 2)
                        products[(2 * Outputs) + output] = Products(low, high, x + (8 * rowWords));
                    if (TRows.Count > 3)
                        products[(3 * Outputs) + output] = Products(low, high, x + (12 * rowWords));
                }
                float* pair = scales + ((group - block) * Outputs);
                for (int row = 0; row < TRows.Count; row++)
                {
                    float* sum = sums + (row * stride);
                    AddPair(products + (row * Outputs), corrections + (row * rowWords) + group, pair, Simd256.Load(sum)).Store(sum);
                }
            }
        }
    }

    // Of each eight inputs four sums of two: at most 4 x 15 x 127 in size.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Products(Vector256<byte> low, Vector256<byte> high, sbyte* x) =>
        Avx2.MultiplyAddAdjacent(low, Vector256.Load(x)) + Avx2.MultiplyAddAdjacent(high, Vector256.Load(x + Vector256<sbyte>.Count));

    // The sums of a group's sixteen are exact in 16 bits until the last two are added.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Simd256 AddPair(Vector256<short>* v, int* corrections, float* scales, Simd256 chain)
    {
        Vector256<short> a = Avx2.HorizontalAdd(Avx2.HorizontalAdd(v[0], v[1]), Avx2.HorizontalAdd(v[2], v[3]));
        Vector256<short> b = Avx2.HorizontalAdd(Avx2.HorizontalAdd(v[4], v[5]), Avx2.HorizontalAdd(v[6], v[7]));
        Vector256<int> first = Avx2.MultiplyAddAdjacent(a, Vector256<short>.One), second = Avx2.MultiplyAddAdjacent(b, Vector256<short>.One);
        Vector256<int> group0 = Avx2.Permute2x128(first, second, 0x20) + Vector256.Create(corrections[0]);
        Vector256<int> group1 = Avx2.Permute2x128(first, second, 0x31) + Vector256.Create(corrections[1]);
        chain = Simd256.MultiplyAdd(new(Vector256.ConvertToSingle(group0)), Simd256.Load(scales), chain);
        return Simd256.MultiplyAdd(new(Vector256.ConvertToSingle(group1)), Simd256.Load(scales + Outputs), chain);
    }

    // [groups][8 outputs], as the packed kernels have them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadScales(in QuantizedOperands weight, int column, int last, int first, int end, float* scales)
    {
        float* source = weight.Scales + ((nint)column * weight.Groups);
        if (weight.GroupSize == Int4Group.Inputs && last == Outputs - 1 && end - first == Int4Group.BlockSteps)
        {
            Simd256.Transpose(source + first, weight.Groups, scales, Outputs);
            Simd256.Transpose(source + first + Outputs, weight.Groups, scales + (Outputs * Outputs), Outputs);
            RoundAll(scales);
            return;
        }
        for (int group = first; group < end; group++)
        {
            for (int output = 0; output < Outputs; output++)
                *scales++ = BFloat16.FromBits(BFloat16.ToBits(source[((nint)Math.Min(output, last) * weight.Groups) + (group * Int4Group.Inputs / weight.GroupSize)]));
        }
    }

    // Most are bfloat16s already.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void RoundAll(float* scales)
    {
        Vector256<uint> bits = default;
        for (int i = 0; i < Int4Group.BlockSteps * Outputs; i += Outputs)
            bits |= Vector256.Load((uint*)scales + i);
        if ((bits & Vector256.Create(0xFFFFu)) == default)
            return;
        for (int i = 0; i < Int4Group.BlockSteps * Outputs; i += Outputs)
            (BFloat16Bits.FromSingle(Vector256.Load(scales + i)) << 16).AsSingle().Store(scales + i);
    }
}
