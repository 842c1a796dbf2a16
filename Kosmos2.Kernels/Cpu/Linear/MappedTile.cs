using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Products of few rows with a weight as it lies in memory: squares of eight outputs are transposed in registers and multiplied at once, so that a mapped weight
/// is read once and as fast as memory gives it. Sums are those of <see cref="Tile{S, TRows, TElements}"/>, in its order: a chain for each block of inputs.
/// </summary>
/// <remarks>
/// Eight outputs and no more: their rows are a power of two apart, so that all fall into the same sets of a first-level cache, which has eight ways.
/// With sixteen rows at once every line is gone before its second half is read, which takes three times as long. Transpositions do not wait for sums,
/// so the one chain hides behind them: a vector every four cycles, more than a core gets from memory.
/// </remarks>
/// <typeparam name="TElement">The weight's type.</typeparam>
/// <typeparam name="TRows">Rows, at most <see cref="MappedTile.MostRows"/>.</typeparam>
internal static unsafe class MappedTile<TElement, TRows>
    where TElement : unmanaged, IMappedElement
    where TRows : ITileRows
{
    private const int WordBytes = sizeof(uint);
    private const int AheadBytes = 512;

    // Inputs of four words, which are transposed together.
    private static int Inputs => 4 * TElement.PerWord;

    private static int ElementBytes => WordBytes / TElement.PerWord;

    /// <summary>Adds the products of eight outputs.</summary>
    /// <param name="weight">The rows of the eight outputs.</param>
    /// <param name="inputs">Elements of a row.</param>
    /// <param name="blockInputs">Inputs whose products are summed before they are added to c.</param>
    /// <param name="a">[inputs][rows].</param>
    /// <param name="c">[rows][8], a row every <paramref name="stride"/> floats.</param>
    /// <param name="stride">Floats.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(byte* weight, nint inputs, int blockInputs, float* a, float* c, nint stride)
    {
        float* column = stackalloc float[Simd256.Width];
        nint rowBytes = inputs * ElementBytes;
        for (nint start = 0; start < inputs; start += blockInputs)
        {
            nint end = Math.Min(start + blockInputs, inputs);
            nint k = start;
            Simd256 s0 = default, s1 = default, s2 = default, s3 = default;
            for (; k + Inputs <= end; k += Inputs)
            {
                byte* at = weight + (k * ElementBytes);
                if (k * ElementBytes % CacheLine.Bytes == 0)
                    Prefetch(at, k * ElementBytes, rowBytes);
                Transpose(at, rowBytes, out Vector256<uint> words0, out Vector256<uint> words1, out Vector256<uint> words2, out Vector256<uint> words3);
                a = Words(words0, a, ref s0, ref s1, ref s2, ref s3);
                a = Words(words1, a, ref s0, ref s1, ref s2, ref s3);
                a = Words(words2, a, ref s0, ref s1, ref s2, ref s3);
                a = Words(words3, a, ref s0, ref s1, ref s2, ref s3);
            }
            for (; k < end; k++)
            {
                for (int lane = 0; lane < Simd256.Width; lane++)
                    column[lane] = TElement.Single(weight + (lane * rowBytes) + (k * ElementBytes));
                a = Column(Simd256.Load(column), a, ref s0, ref s1, ref s2, ref s3);
            }
            Add(c, s0);
            if (TRows.Count > 1)
                Add(c + stride, s1);
            if (TRows.Count > 2)
                Add(c + (2 * stride), s2);
            if (TRows.Count > 3)
                Add(c + (3 * stride), s3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Words(Vector256<uint> words, float* a, ref Simd256 s0, ref Simd256 s1, ref Simd256 s2, ref Simd256 s3)
    {
        a = Column(TElement.First(words), a, ref s0, ref s1, ref s2, ref s3);
        return TElement.PerWord == 2 ? Column(TElement.Second(words), a, ref s0, ref s1, ref s2, ref s3) : a;
    }

    // One input of the eight outputs times that of each row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Column(Simd256 column, float* a, ref Simd256 s0, ref Simd256 s1, ref Simd256 s2, ref Simd256 s3)
    {
        s0 = Simd256.MultiplyAdd(Simd256.Broadcast(a[0]), column, s0);
        if (TRows.Count > 1)
            s1 = Simd256.MultiplyAdd(Simd256.Broadcast(a[1]), column, s1);
        if (TRows.Count > 2)
            s2 = Simd256.MultiplyAdd(Simd256.Broadcast(a[2]), column, s2);
        if (TRows.Count > 3)
            s3 = Simd256.MultiplyAdd(Simd256.Broadcast(a[3]), column, s3);
        return a + TRows.Count;
    }

    // words i: word i of each of the eight rows. Rows r and r + 4 share a register from the start, so that nothing crosses its halves later.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(
        byte* source, nint rowBytes, out Vector256<uint> words0, out Vector256<uint> words1, out Vector256<uint> words2, out Vector256<uint> words3)
    {
        Vector256<uint> rows04 = Halves(source, rowBytes);
        Vector256<uint> rows15 = Halves(source + rowBytes, rowBytes);
        Vector256<uint> rows26 = Halves(source + (2 * rowBytes), rowBytes);
        Vector256<uint> rows37 = Halves(source + (3 * rowBytes), rowBytes);
        Vector256<ulong> low01 = Avx2.UnpackLow(rows04, rows15).AsUInt64();
        Vector256<ulong> high01 = Avx2.UnpackHigh(rows04, rows15).AsUInt64();
        Vector256<ulong> low23 = Avx2.UnpackLow(rows26, rows37).AsUInt64();
        Vector256<ulong> high23 = Avx2.UnpackHigh(rows26, rows37).AsUInt64();
        words0 = Avx2.UnpackLow(low01, low23).AsUInt32();
        words1 = Avx2.UnpackHigh(low01, low23).AsUInt32();
        words2 = Avx2.UnpackLow(high01, high23).AsUInt32();
        words3 = Avx2.UnpackHigh(high01, high23).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Halves(byte* row, nint rowBytes) =>
        Vector256.Create(Vector128.Load((uint*)row), Vector128.Load((uint*)(row + (4 * rowBytes))));

    // Past a row's end lies the beginning of the next eight.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* at, nint offset, nint rowBytes)
    {
        byte* ahead = at + AheadBytes + (offset + AheadBytes < rowBytes ? 0 : (Simd256.Width - 1) * rowBytes);
        for (int row = 0; row < Simd256.Width; row++, ahead += rowBytes)
            CacheLine.Prefetch(ahead);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* c, Simd256 sums) => (Simd256.Load(c) + sums).Store(c);
}

/// <summary>Which tile is run.</summary>
internal static unsafe class MappedTile
{
    /// <summary>More rows are worth packing a weight for.</summary>
    public const int MostRows = 4;

    /// <summary>Adds the products of few rows with a panel of a weight that is not packed, where this machine can.</summary>
    /// <param name="layer">The layer; its weight may have any type.</param>
    /// <param name="column">First output of the panel.</param>
    /// <param name="blockInputs">Inputs whose products are summed before they are added to the strip.</param>
    /// <param name="words">The packed rows, [inputs][rows].</param>
    /// <param name="rows">How many.</param>
    /// <param name="strip">[rows][panel width].</param>
    /// <returns>False where nothing was done.</returns>
    public static bool TryMultiply<S>(LinearOperands* layer, int column, int blockInputs, float* words, int rows, float* strip)
        where S : unmanaged, ISimd<S>
    {
        if (rows > MostRows || S.Width < Simd256.Width || !Simd256.IsSupported || column + Panel<S>.Width > layer->Outputs)
            return false;
        switch (layer->Weight.Type)
        {
            case DType.F32:
                Run<S, MappedF32>(layer, column, blockInputs, words, rows, strip);
                return true;
            case DType.BF16:
                Run<S, MappedBF16>(layer, column, blockInputs, words, rows, strip);
                return true;
            case DType.F16:
                Run<S, MappedF16>(layer, column, blockInputs, words, rows, strip);
                return true;
            default:
                return false;
        }
    }

    private static void Run<S, TElement>(LinearOperands* layer, int column, int blockInputs, float* words, int rows, float* strip)
        where S : unmanaged, ISimd<S>
        where TElement : unmanaged, IMappedElement
    {
        nint rowBytes = (nint)layer->Inputs * sizeof(uint) / TElement.PerWord;
        for (int lane = 0; lane < Panel<S>.Width; lane += Simd256.Width)
        {
            byte* weight = (byte*)layer->Weight.Elements + ((column + lane) * rowBytes);
            if (rows == 1)
                MappedTile<TElement, Rows1>.Run(weight, layer->Inputs, blockInputs, words, strip + lane, Panel<S>.Width);
            else if (rows == 2)
                MappedTile<TElement, Rows2>.Run(weight, layer->Inputs, blockInputs, words, strip + lane, Panel<S>.Width);
            else if (rows == 3)
                MappedTile<TElement, Rows3>.Run(weight, layer->Inputs, blockInputs, words, strip + lane, Panel<S>.Width);
            else
                MappedTile<TElement, Rows4>.Run(weight, layer->Inputs, blockInputs, words, strip + lane, Panel<S>.Width);
        }
    }
}
