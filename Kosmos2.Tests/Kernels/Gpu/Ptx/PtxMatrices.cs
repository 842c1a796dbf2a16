using System.Buffers.Binary;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>The instructions of a whole warp, with the layout of registers that the PTX ISA's figures define.</summary>
internal static class PtxMatrices
{
    /// <summary>
    /// ldmatrix.x4: lane l names row l mod 8 of matrix l / 8, and gets from matrix m elements 2 (l mod 4) and the next of row l / 4 in register m; transposed, those of
    /// column l / 4.
    /// </summary>
    public static void Load(PtxWarp warp, PtxInstruction instruction, PtxSharedMemory shared)
    {
        PtxOperand[] registers = instruction.Operands[0].Group;
        var addresses = new uint[PtxWarp.Lanes];
        var rows = new byte[PtxWarp.Lanes][];
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            addresses[lane] = (uint)warp.Address(instruction.Operands[1], lane, instruction.Text);
            rows[lane] = shared.Load(addresses[lane], 16, warp.Moment(lane), instruction.Text).ToArray();
        }
        shared.CountConflicts("ldmatrix", addresses, 16);
        bool transposed = instruction.Name.Contains(".trans.", StringComparison.Ordinal);
        uint Element(int m, int row, int column) => BinaryPrimitives.ReadUInt16LittleEndian(rows[(8 * m) + row].AsSpan(2 * column));
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            (int one, int two) = (lane / 4, 2 * (lane % 4));
            for (int m = 0; m < registers.Length; m++)
                warp.Write(registers[m], lane, transposed ? Element(m, two, one) | (Element(m, two + 1, one) << 16) : Element(m, one, two) | (Element(m, one, two + 1) << 16));
        }
    }

    /// <summary>
    /// mma.m16n8k16: D = A B + C, with A [16, 16] row by row, B [16, 8] column by column, C and D [16, 8] in F32. Lane l, g = l / 4, t = l mod 4: register
    /// 0 of A has row g, columns 2t and 2t + 1; 1 row g + 8; 2 and 3 the same, columns + 8. Register 0 of B has rows 2t and 2t + 1, column g; 1 rows + 8.
    /// C has row g, columns 2t and 2t + 1, then row g + 8.
    /// </summary>
    public static void Multiply(PtxWarp warp, PtxInstruction instruction)
    {
        Func<ulong, double> widen = instruction.Name.EndsWith(".f32.bf16.bf16.f32", StringComparison.Ordinal)
            ? bits => PtxArithmetic.Float((bits & 0xffff) << 16)
            : bits => (double)BitConverter.UInt16BitsToHalf((ushort)bits);
        string by = instruction.Text;
        PtxOperand[] d = instruction.Operands[0].Group, a = instruction.Operands[1].Group, b = instruction.Operands[2].Group, c = instruction.Operands[3].Group;
        var left = new double[16, 16];
        var right = new double[16, 8];
        var sums = new float[16, 8];
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            (int g, int t) = (lane / 4, lane % 4);
            for (int i = 0; i < 8; i++)
                left[g + (8 * (i / 2 % 2)), (2 * t) + (i % 2) + (8 * (i / 4))] = widen(warp.Read(a[i / 2], lane, by) >> (16 * (i % 2)));
            for (int i = 0; i < 4; i++)
                right[(2 * t) + (i % 2) + (8 * (i / 2)), g] = widen(warp.Read(b[i / 2], lane, by) >> (16 * (i % 2)));
            for (int i = 0; i < 4; i++)
                sums[g + (8 * (i / 2)), (2 * t) + (i % 2)] = PtxArithmetic.Float(warp.Read(c[i], lane, by));
        }
        for (int row = 0; row < 16; row++)
        {
            for (int column = 0; column < 8; column++)
            {
                double sum = sums[row, column];
                for (int k = 0; k < 16; k++)
                    sum += left[row, k] * right[k, column];
                sums[row, column] = (float)sum;
            }
        }
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            for (int i = 0; i < 4; i++)
                warp.Write(d[i], lane, PtxArithmetic.Bits(sums[(lane / 4) + (8 * (i / 2)), (2 * (lane % 4)) + (i % 2)]));
        }
    }

    /// <summary>
    /// mma.m16n8k32: the same for signed bytes, with exact sums. Register 0 of A has row g, columns 4t to 4t + 3; 1 row g + 8; 2 and 3 the same, columns + 16. Register 0 of B
    /// has rows 4t to 4t + 3, column g; 1 rows + 16. C and D are as above.
    /// </summary>
    public static void MultiplyBytes(PtxWarp warp, PtxInstruction instruction)
    {
        string by = instruction.Text;
        PtxOperand[] d = instruction.Operands[0].Group, a = instruction.Operands[1].Group, b = instruction.Operands[2].Group, c = instruction.Operands[3].Group;
        var left = new int[16, 32];
        var right = new int[32, 8];
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            (int g, int t) = (lane / 4, lane % 4);
            for (int i = 0; i < 16; i++)
                left[g + (8 * (i / 4 % 2)), (4 * t) + (i % 4) + (16 * (i / 8))] = (sbyte)(warp.Read(a[i / 4], lane, by) >> (8 * (i % 4)));
            for (int i = 0; i < 8; i++)
                right[(4 * t) + (i % 4) + (16 * (i / 4)), g] = (sbyte)(warp.Read(b[i / 4], lane, by) >> (8 * (i % 4)));
        }
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            int[] given = [.. c.Select(register => (int)warp.Read(register, lane, by))];
            for (int i = 0; i < 4; i++)
            {
                (int row, int column) = ((lane / 4) + (8 * (i / 2)), (2 * (lane % 4)) + (i % 2));
                warp.Write(d[i], lane, (uint)(given[i] + Enumerable.Range(0, 32).Sum(k => left[row, k] * right[k, column])));
            }
        }
    }
}
