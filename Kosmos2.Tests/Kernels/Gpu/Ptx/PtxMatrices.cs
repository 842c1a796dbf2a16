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
    /// C has row g, columns 2t and 2t + 1, then row g + 8. m16n8k32 is the same for signed bytes, four to a register where those have two elements, with C and D in
    /// integers.
    /// </summary>
    public static void Multiply(PtxWarp warp, PtxInstruction instruction)
    {
        bool bytes = instruction.Name.EndsWith(".s32.s8.s8.s32", StringComparison.Ordinal);
        (int held, int bits) = bytes ? (4, 8) : (2, 16);
        Func<ulong, double> widen = bytes
            ? element => (sbyte)element
            : instruction.Name.EndsWith(".f32.bf16.bf16.f32", StringComparison.Ordinal)
                ? element => PtxArithmetic.Float((element & 0xffff) << 16)
                : element => (double)BitConverter.UInt16BitsToHalf((ushort)element);
        string by = instruction.Text;
        PtxOperand[] d = instruction.Operands[0].Group, a = instruction.Operands[1].Group, b = instruction.Operands[2].Group, c = instruction.Operands[3].Group;
        int inputs = 8 * held;
        var left = new double[16, inputs];
        var right = new double[inputs, 8];
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            (int g, int t) = (lane / 4, lane % 4);
            for (int i = 0; i < 4 * held; i++)
                left[g + (8 * (i / held % 2)), (held * t) + (i % held) + (4 * held * (i / (2 * held)))] = widen(warp.Read(a[i / held], lane, by) >> (bits * (i % held)));
            for (int i = 0; i < 2 * held; i++)
                right[(held * t) + (i % held) + (4 * held * (i / held)), g] = widen(warp.Read(b[i / held], lane, by) >> (bits * (i % held)));
        }
        for (int lane = 0; lane < PtxWarp.Lanes; lane++)
        {
            ulong[] sums = [.. c.Select(register => warp.Read(register, lane, by))];
            for (int i = 0; i < sums.Length; i++)
            {
                (int row, int column) = ((lane / 4) + (8 * (i / 2)), (2 * (lane % 4)) + (i % 2));
                double sum = bytes ? (double)(int)sums[i] : PtxArithmetic.Float(sums[i]);
                for (int k = 0; k < inputs; k++)
                    sum += left[row, k] * right[k, column];
                warp.Write(d[i], lane, bytes ? (uint)(int)sum : PtxArithmetic.Bits((float)sum));
            }
        }
    }
}
