using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu;

/// <summary>A layer normalisation's numbers as pointers.</summary>
internal readonly unsafe struct NormOperands(LayerNormParameters norm)
{
    public readonly float* Weight = (float*)norm.Weight.HostPointer;
    public readonly float* Bias = (float*)norm.Bias.HostPointer;
    public readonly float Epsilon = norm.Epsilon;
}

/// <summary>Mean of a row, and 1 / sqrt(variance + epsilon).</summary>
internal readonly record struct RowMoments(float Mean, float InverseDeviation);

/// <summary>
/// Layer normalisation, (x - mean) / sqrt(variance + epsilon) weight + bias, and x / |x|. The moments are found in two passes: the second sums the deviations from
/// the first's mean and their squares, and the sum of the deviations, which would be 0 in exact arithmetic, corrects both results
/// (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983). A large common offset then costs no precision.
/// </summary>
internal static unsafe class Normalization
{
    private const float SmallestNorm = 1e-12f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static S Apply<S>(S x, RowMoments moments, S weight, S bias)
        where S : unmanaged, ISimd<S> =>
        S.MultiplyAdd((x - S.Broadcast(moments.Mean)) * S.Broadcast(moments.InverseDeviation), weight, bias);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static RowMoments Moments<S>(float* x, int width, float epsilon)
        where S : unmanaged, ISimd<S>
    {
        int whole = width - (width % S.Width);
        S sum = default;
        for (int i = 0; i < whole; i += S.Width)
            sum += S.Load(x + i);
        sum += S.LoadPartial(x + whole, width - whole);
        float mean = S.Sum(sum) / width;

        S center = S.Broadcast(mean);
        S deviations = default;
        S squares = default;
        for (int i = 0; i < whole; i += S.Width)
        {
            S d = S.Load(x + i) - center;
            deviations += d;
            squares = S.MultiplyAdd(d, d, squares);
        }
        for (int i = whole; i < width; i++)
        {
            S d = S.LoadPartial(x + i, 1) - S.LoadPartial(&mean, 1);
            deviations += d;
            squares = S.MultiplyAdd(d, d, squares);
        }
        float left = S.Sum(deviations) / width;
        float variance = MathF.Max((S.Sum(squares) / width) - (left * left), 0);
        return new RowMoments(mean + left, 1 / MathF.Sqrt(variance + epsilon));
    }

    /// <summary>y = norm(x) of one row; y may be x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row<S>(float* x, float* y, int width, NormOperands norm)
        where S : unmanaged, ISimd<S>
    {
        RowMoments moments = Moments<S>(x, width, norm.Epsilon);
        int i = 0;
        for (; i <= width - S.Width; i += S.Width)
            Apply(S.Load(x + i), moments, S.Load(norm.Weight + i), S.Load(norm.Bias + i)).Store(y + i);
        int rest = width - i;
        Apply(S.LoadPartial(x + i, rest), moments, S.LoadPartial(norm.Weight + i, rest), S.LoadPartial(norm.Bias + i, rest)).StorePartial(y + i, rest);
    }

    /// <summary>y = x / max(|x|, 1e-12) of one row; y may be x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void UnitRow<S>(float* x, float* y, int width)
        where S : unmanaged, ISimd<S>
    {
        int whole = width - (width % S.Width);
        S squares = default;
        for (int i = 0; i < whole; i += S.Width)
            squares = S.MultiplyAdd(S.Load(x + i), S.Load(x + i), squares);
        S tail = S.LoadPartial(x + whole, width - whole);
        squares = S.MultiplyAdd(tail, tail, squares);
        S length = S.Broadcast(MathF.Max(MathF.Sqrt(S.Sum(squares)), SmallestNorm));
        for (int i = 0; i < whole; i += S.Width)
            (S.Load(x + i) / length).Store(y + i);
        (tail / length).StorePartial(y + whole, width - whole);
    }
}

/// <summary>Normalises rows, shared out evenly: a layer normalisation, or the unit length when there is none.</summary>
internal readonly unsafe struct NormalizeRowsJob<S>(float* x, float* y, int rows, int width, NormOperands? norm) : IJob
    where S : unmanaged, ISimd<S>
{
    public void Run(int worker, int workers)
    {
        int end = (int)((long)rows * (worker + 1) / workers);
        for (int row = (int)((long)rows * worker / workers); row < end; row++)
        {
            nint offset = (nint)row * width;
            if (norm is { } operands)
                Normalization.Row<S>(x + offset, y + offset, width, operands);
            else
                Normalization.UnitRow<S>(x + offset, y + offset, width);
        }
    }
}
