using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>What no operation would show by itself: edges that touch nothing beyond them, transposition, packing, and every half float there is.</summary>
public sealed class SimdTests
{
    [Test]
    public void PartialLoadsAndStoresTouchNothingElse() => ForEachWidth(new PartialCheck());

    [Test]
    public void TransposeExchangesRowsAndColumns() => ForEachWidth(new TransposeCheck());

    [Test]
    public void PackingTransposesAndFillsWithZeros() => ForEachWidth(new PackingCheck());

    [Test]
    public void EveryHalfFloatIsWidenedExactly() => ForEachWidth(new HalfCheck());

    private static void ForEachWidth(ICheck check)
    {
        if (CpuFeatures.IsSupported(InstructionSet.Vector512))
            check.Run<Simd512>();
        if (CpuFeatures.IsSupported(InstructionSet.Vector256))
            check.Run<Simd256>();
        if (CpuFeatures.IsSupported(InstructionSet.Vector128))
            check.Run<Simd128>();
        check.Run<Simd1>();
    }

    private static float[] Ramp(int count)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = i + 1;
        return values;
    }

    private interface ICheck
    {
        void Run<S>()
            where S : unmanaged, ISimd<S>;
    }

    private sealed unsafe class PartialCheck : ICheck
    {
        public void Run<S>()
            where S : unmanaged, ISimd<S>
        {
            for (int count = 0; count <= S.Width; count++)
            {
                float[] source = Ramp(S.Width);
                float[] loaded = new float[S.Width];
                float[] stored = new float[S.Width];
                stored.AsSpan().Fill(-1);
                fixed (float* from = source, to = loaded, edge = stored)
                {
                    S.LoadPartial(from, count).Store(to);
                    S.Load(from).StorePartial(edge, count);
                }
                for (int i = 0; i < S.Width; i++)
                {
                    Assert.That(loaded[i], Is.EqualTo(i < count ? source[i] : 0), $"lane {i} of {S.Width}, {count} loaded");
                    Assert.That(stored[i], Is.EqualTo(i < count ? source[i] : -1), $"lane {i} of {S.Width}, {count} stored");
                }
            }
        }
    }

    private sealed unsafe class TransposeCheck : ICheck
    {
        public void Run<S>()
            where S : unmanaged, ISimd<S>
        {
            int from = S.Width + 3;
            int to = S.Width + 5;
            float[] source = Ramp(S.Width * from);
            float[] destination = new float[S.Width * to];
            fixed (float* a = source, b = destination)
                S.Transpose(a, from, b, to);
            for (int row = 0; row < S.Width; row++)
            {
                for (int column = 0; column < S.Width; column++)
                    Assert.That(destination[(row * to) + column], Is.EqualTo(source[(column * from) + row]), $"{S.Width}: row {row}, column {column}");
            }
        }
    }

    private sealed unsafe class PackingCheck : ICheck
    {
        public void Run<S>()
            where S : unmanaged, ISimd<S>
        {
            foreach ((int rows, int lanes, int depth) in new[] { (1, 1, 1), (5, 5, 37), (12, 12, 64), (3, 32, 19), (32, 32, 128), (31, 32, 33) })
            {
                const int Stride = 131;
                const int First = 1;
                const int Start = 2;
                float[] source = Ramp((rows + First) * Stride);
                float[] packed = new float[depth * lanes];
                fixed (float* a = source, b = packed)
                    Packing.Pack<S, F32Rows<S>>(new F32Rows<S>(a, Stride), First, rows, Start, depth, b, lanes, lanes);
                for (int k = 0; k < depth; k++)
                {
                    for (int lane = 0; lane < lanes; lane++)
                    {
                        float expected = lane < rows ? source[((First + lane) * Stride) + Start + k] : 0;
                        Assert.That(packed[(k * lanes) + lane], Is.EqualTo(expected), $"{S.Width}: {rows} rows in {lanes} lanes, k {k}, lane {lane}");
                    }
                }
            }
        }
    }

    private sealed unsafe class HalfCheck : ICheck
    {
        public void Run<S>()
            where S : unmanaged, ISimd<S>
        {
            var halves = new ushort[65536];
            var f16 = new float[65536];
            var bf16 = new float[65536];
            for (int i = 0; i < halves.Length; i++)
                halves[i] = (ushort)i;
            fixed (ushort* source = halves)
            {
                fixed (float* a = f16, b = bf16)
                {
                    for (int i = 0; i < halves.Length; i += S.Width)
                    {
                        S.LoadF16(source + i).Store(a + i);
                        S.LoadBF16(source + i).Store(b + i);
                    }
                }
            }
            for (int i = 0; i < halves.Length; i++)
            {
                Assert.That(f16[i], Is.EqualTo((float)BitConverter.UInt16BitsToHalf((ushort)i)), $"{S.Width}: F16 {i:X4}");
                Assert.That(BitConverter.SingleToUInt32Bits(bf16[i]), Is.EqualTo((uint)i << 16), $"{S.Width}: BF16 {i:X4}");
            }
        }
    }
}
