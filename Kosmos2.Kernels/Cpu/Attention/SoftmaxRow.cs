using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Kernels.Cpu.Attention;

/// <summary>The steps of a softmax over one row.</summary>
internal static unsafe class SoftmaxRow
{
    /// <summary>row[i] += bias[i].</summary>
    public static void AddBias<S>(float* row, float* bias, int count)
        where S : unmanaged, ISimd<S>
    {
        int i = 0;
        for (; i <= count - S.Width; i += S.Width)
            (S.Load(row + i) + S.Load(bias + i)).Store(row + i);
        (S.LoadPartial(row + i, count - i) + S.LoadPartial(bias + i, count - i)).StorePartial(row + i, count - i);
    }

    /// <summary>The largest of the first <paramref name="visible"/> and of <paramref name="start"/>; the others, up to <paramref name="count"/>, become minus infinity.</summary>
    public static float Largest<S>(float* row, int visible, int count, float start)
        where S : unmanaged, ISimd<S>
    {
        new Span<float>(row + visible, count - visible).Fill(float.NegativeInfinity);
        S largest = S.Broadcast(start);
        int i = 0;
        for (; i <= visible - S.Width; i += S.Width)
            largest = S.Max(largest, S.Load(row + i));
        float result = S.MaxLane(largest);
        for (; i < visible; i++)
            result = MathF.Max(result, row[i]);
        return result;
    }

    /// <summary>row[i] = e^(row[i] - largest), none of which is above 1; returns the sum, in an order that depends on i only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Exponentials<S>(float* row, int count, float largest)
        where S : unmanaged, ISimd<S>
    {
        S shift = S.Broadcast(largest);
        S sum = default;
        int i = 0;
        for (; i <= count - S.Width; i += S.Width)
        {
            S e = Mathematics.Exponential.EvaluateWeight(S.Load(row + i) - shift);
            e.Store(row + i);
            sum += e;
        }
        if (i < count)
        {
            Mathematics.Exponential.EvaluateWeight(S.LoadPartial(row + i, count - i) - shift).StorePartial(row + i, count - i);
            sum += S.LoadPartial(row + i, count - i);
        }
        return S.Sum(sum);
    }

    /// <summary>e^x of one number, exactly as in a row.</summary>
    public static float Exponential<S>(float x)
        where S : unmanaged, ISimd<S>
    {
        float result;
        Mathematics.Exponential.EvaluateWeight(S.Broadcast(x)).StorePartial(&result, 1);
        return result;
    }

    /// <summary>row[i] *= factor; the row is whole vectors long.</summary>
    public static void Scale<S>(float* row, int count, float factor)
        where S : unmanaged, ISimd<S>
    {
        S scale = S.Broadcast(factor);
        for (int i = 0; i < count; i += S.Width)
            (S.Load(row + i) * scale).Store(row + i);
    }

    /// <summary>result[i] = row[i] / divisor.</summary>
    public static void Divide<S>(float* row, float* result, int count, float divisor)
        where S : unmanaged, ISimd<S>
    {
        S total = S.Broadcast(divisor);
        int i = 0;
        for (; i <= count - S.Width; i += S.Width)
            (S.Load(row + i) / total).Store(result + i);
        (S.LoadPartial(row + i, count - i) / total).StorePartial(result + i, count - i);
    }
}
