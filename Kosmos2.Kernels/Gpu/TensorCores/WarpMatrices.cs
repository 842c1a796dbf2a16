using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>What a warp does with small matrices: where their rows lie in shared memory, how they come into registers, and their products.</summary>
internal static class WarpMatrices
{
    /// <summary>Bytes of a chunk, which is what <c>ldmatrix</c> reads of a row at once: eight elements of 16 bits.</summary>
    public const int ChunkBytes = 16;

    /// <summary>Where a chunk lies in its row of four or eight: shifted so that eight rows, one chunk of each, cover all banks.</summary>
    public static string Swizzled(PtxText text, int chunks, string line, string chunk)
    {
        string turn = text.B32("and.b32", chunks == 8 ? line : text.B32("shr.u32", line, 1), chunks - 1);
        return text.B32("xor.b32", chunk, turn);
    }

    /// <summary>For each step of two chunks, 16 elements, the address of the chunk that this lane names: those of later steps differ in bits of the chunk alone.</summary>
    /// <param name="text">Where it is computed.</param>
    /// <param name="shared">Where the rows begin, a multiple of their length.</param>
    /// <param name="chunks">Of a row: 4 or 8.</param>
    /// <param name="line">The lane's row.</param>
    /// <param name="half">Which of a step's chunks the lane names, 0 or 1.</param>
    /// <param name="steps">How many there are.</param>
    public static string[] Addresses(PtxText text, string shared, int chunks, string line, string half, int steps)
    {
        string place = text.B32("mad.lo.u32", Swizzled(text, chunks, line, half), ChunkBytes, shared);
        string first = text.B32("mad.lo.u32", line, chunks * ChunkBytes, place);
        return [.. Enumerable.Range(0, steps).Select(step => step == 0 ? first : text.B32("xor.b32", first, 2 * ChunkBytes * step))];
    }

    /// <summary>The line and the half that this lane names of 16 rows and 16 columns: rows 0-7 and 8-15 of the first 8 columns, then of the next 8.</summary>
    public static (string Line, string Half) RowsFirst(PtxText text, string lane) => (text.B32("and.b32", lane, 15), text.B32("shr.u32", lane, 4));

    /// <summary>The same the other way: both halves of the columns of rows 0-7, then of rows 8-15.</summary>
    public static (string Line, string Half) ColumnsFirst(PtxText text, string lane)
    {
        string line = text.B32("add.u32", text.B32("and.b32", lane, 7), text.B32("mul.lo.u32", text.B32("shr.u32", lane, 4), 8));
        return (line, text.B32("and.b32", text.B32("shr.u32", lane, 3), 1));
    }

    /// <summary>Reads four 8 x 8 matrices, of which each lane names one row.</summary>
    /// <param name="text">Where it is done.</param>
    /// <param name="registers">Four.</param>
    /// <param name="address">Of the lane's row.</param>
    /// <param name="offset">From there.</param>
    /// <param name="transposed">Whether lanes get columns instead of rows.</param>
    public static void Load(PtxText text, string[] registers, string address, int offset, bool transposed = false) =>
        text.Do($"ldmatrix.sync.aligned.m8n8.x4{(transposed ? ".trans" : "")}.shared.b16", Group(registers), At(address, offset));

    /// <summary>sums [16, 8] += a [16, 16] b [16, 8].</summary>
    public static void Multiply(PtxText text, string type, string[] sums, string[] a, string[] b) =>
        text.Do($"mma.sync.aligned.m16n8k16.row.col.f32.{type}.{type}.f32", Group(sums), Group(a), Group(b), Group(sums));
}
