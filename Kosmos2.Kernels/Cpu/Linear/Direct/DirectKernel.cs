using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>
/// Products of few rows with small integers that lie as their file has them, without packing: weights are read once, in order, and the rows are what
/// is rearranged. The results are those of the packed kernels, bit for bit.
/// </summary>
internal static unsafe class DirectKernel
{
    /// <summary>Rows up to which bringing weights into panels would cost more than it saves.</summary>
    public const int MostRows = 4;

    /// <summary>Outputs that are computed at once.</summary>
    public const int Outputs = 8;

    /// <summary>Whether layers of one format can be computed so.</summary>
    public static bool Fits<S, TDirect>(int rows, ReadOnlySpan<LinearOperands> layers)
        where S : unmanaged, ISimd<S>
        where TDirect : unmanaged, IDirectFormat
    {
        if (rows is 0 or > MostRows || S.Width < Simd256.Width || layers[0].Inputs % TDirect.Inputs != 0)
            return false;
        foreach (ref readonly LinearOperands layer in layers)
        {
            if (layer.Panels != null)
                return false;
        }
        return true;
    }

    public static void Run<S, TFormat, TDirect>(CpuMachine machine, float* x, int rows, LayerNormParameters? norm, ReadOnlySpan<LinearOperands> layers)
        where S : unmanaged, ISimd<S>
        where TFormat : unmanaged, IProductFormat
        where TDirect : unmanaged, IDirectFormat
    {
        int inputs = layers[0].Inputs;
        long words = (long)rows * TDirect.RowWords(inputs);
        float* shared = machine.Shared.Reserve(words + rows);
        float* scratch = machine.ReservePrivate(Math.Max(inputs, rows * Panel<S>.Width), out nint stride);
        var packed = new PackedRows
        {
            Source = x,
            Inputs = inputs,
            Norm = norm is null ? null : new NormOperands(norm),
            Words = shared,
            Scales = shared + words,
        };
        for (int row = 0; row < rows; row++)
            TDirect.Pack<S>(packed, row, scratch);
        fixed (LinearOperands* first = layers)
        {
            var job = new DirectJob<S, TFormat, TDirect>(first, layers.Length, packed, rows, scratch, stride);
            machine.Pool.Run(ref job);
        }
    }

    /// <summary>The sums of eight vectors' lanes, as one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> LaneSums(Vector256<int>* v)
    {
        Vector256<int> first = Avx2.HorizontalAdd(Avx2.HorizontalAdd(v[0], v[1]), Avx2.HorizontalAdd(v[2], v[3]));
        Vector256<int> second = Avx2.HorizontalAdd(Avx2.HorizontalAdd(v[4], v[5]), Avx2.HorizontalAdd(v[6], v[7]));
        return Avx2.Permute2x128(first, second, 0x20) + Avx2.Permute2x128(first, second, 0x31);
    }
}

/// <summary>Whose weights are read as they lie.</summary>
internal unsafe interface IDirectFormat
{
    /// <summary>A row's inputs must be a multiple of this.</summary>
    static abstract int Inputs { get; }

    /// <summary>32-bit words of a packed row.</summary>
    static abstract int RowWords(int inputs);

    /// <summary>Packs a row in the order in which weights lie.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="row">Which.</param>
    /// <param name="room">Working memory for one row.</param>
    static abstract void Pack<S>(PackedRows rows, int row, float* room)
        where S : unmanaged, ISimd<S>;

    /// <summary>Adds the products of eight outputs to a strip, in the order of the packed kernels.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="column">First output; there may be fewer than eight, then the last one stands for the others too.</param>
    /// <param name="rows">The packed rows.</param>
    /// <param name="sums">[rows of TRows], a row every <paramref name="stride"/> floats.</param>
    /// <param name="stride">Floats from one row of the strip to the next.</param>
    static abstract void Add<TRows>(LinearOperands* layer, int column, in PackedRows rows, float* sums, int stride)
        where TRows : ITileRows;
}
