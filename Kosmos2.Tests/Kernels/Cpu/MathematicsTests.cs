using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Attention;
using Kosmos2.Kernels.Cpu.Mathematics;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>The errors of our elementary functions against double precision, in units of the result's last place.</summary>
public sealed class MathematicsTests
{
    /// <summary>From where the result is the smallest float to where it is the largest, gradual underflow included.</summary>
    [Test]
    public void ExponentialIsWithinItsBound() =>
        Bounded(functions => functions.Exponential, Math.Exp, [(-103.97f, -87), (-87, 88), (88, 88.7228f)], _ => 1.1);

    [Test]
    public void ExponentialKnowsItsEdges()
    {
        foreach (IFunctions functions in Widths())
        {
            float[] results = functions.Exponential([0, -0f, float.PositiveInfinity, 88.72284f, 89, float.MaxValue, float.NaN]);
            float infinity = float.PositiveInfinity;
            Assert.That(results, Is.EqualTo(new[] { 1, 1, infinity, infinity, infinity, infinity, float.NaN }));
            Assert.That(functions.Exponential([float.NegativeInfinity, float.MinValue, -1e30f, -104.5f]), Is.All.Zero);
        }
    }

    [Test]
    public void WeightsAreWithinTheirBound() => Bounded(functions => functions.Weight, Math.Exp, [(-87, 0)], _ => 1.1);

    /// <summary>No weight is too small for a normal float: neither a hidden key's, nor what would be next to nothing.</summary>
    [Test]
    public void WeightsKnowTheirEdges()
    {
        foreach (IFunctions functions in Widths())
        {
            Assert.That(functions.Weight([0, -0f, float.NaN]), Is.EqualTo(new[] { 1, 1, float.NaN }));
            Assert.That(functions.Weight([float.NegativeInfinity, float.MinValue, -1e30f, -104, -88, -87.00001f]), Is.All.Zero);
            Assert.That(functions.Softmax([1, float.NegativeInfinity, 1, float.MinValue]), Is.EqualTo(new[] { 0.5f, 0, 0.5f, 0 }));
        }
    }

    /// <summary>In the lower tail too, where 1 + erf would have lost all digits; where the tail is below the smallest normal float, in steps of the smallest.</summary>
    [Test]
    public void NormalDistributionIsWithinItsBound() =>
        Bounded(functions => functions.Cumulative, Cumulative, [(-13.19f, -12.9f), (-12.9f, 12.9f), (12.9f, 100)], _ => 6);

    [Test]
    public void NormalDistributionKnowsItsEdges()
    {
        foreach (IFunctions functions in Widths())
        {
            float[] results = functions.Cumulative([0, -0f, 1e30f, -1e30f, -13.2f, float.PositiveInfinity, float.NegativeInfinity, float.NaN]);
            Assert.That(results, Is.EqualTo(new[] { 0.5f, 0.5f, 1, 0, 0, 1, 0, float.NaN }));
        }
    }

    [Test]
    public void GeluIsWithinItsBound() => Bounded(functions => functions.Gelu, x => x * Cumulative(x), [(-12.9f, 12.9f), (12.9f, 1e4f)], _ => 6.5);

    /// <summary>1.702 x is rounded before it becomes an exponent, here as in torch, so that the lower tail loses up to a unit for each unit of it.</summary>
    [Test]
    public void QuickGeluIsWithinItsBound() => Bounded(
        functions => functions.QuickGelu, x => x / (1 + Math.Exp(-(double)1.702f * x)), [(-51, 30), (30, 1e4f)], x => 3 + (1.702 * Math.Max(0, -x)));

    /// <summary>Rows of scores, a chunk of keys at most, through the steps of attention's softmax. The distance to the largest is rounded before it becomes an exponent.</summary>
    [Test]
    public void SoftmaxIsWithinItsBound()
    {
        foreach (IFunctions functions in Widths())
        {
            foreach (int count in (int[])[1, 3, 17, 64])
            {
                float[] scores = [.. Samples.Normal(count, count).Select(x => 8 * x)];
                double largest = scores.Max(), total = scores.Sum(x => Math.Exp(x - largest));
                float[] result = functions.Softmax(scores);
                for (int i = 0; i < count; i++)
                {
                    double error = Error(result[i], Math.Exp(scores[i] - largest) / total);
                    Assert.That(error, Is.LessThan(6 + largest - scores[i]), $"{functions.GetType()}, {count} scores, {i}");
                }
            }
        }
    }

    private static void Bounded(
        Func<IFunctions, Func<float[], float[]>> function, Func<double, double> truth, (float Low, float High)[] ranges, Func<double, double> bound)
    {
        foreach (IFunctions functions in Widths())
        {
            foreach ((float low, float high) in ranges)
            {
                float[] arguments = [.. Arguments(low, high)];
                float[] results = function(functions)(arguments);
                double largest = 0;
                for (int i = 0; i < arguments.Length; i++)
                {
                    double error = Error(results[i], truth(arguments[i]));
                    if (!(error < bound(arguments[i])))
                        Assert.Fail($"{functions.GetType()}: {arguments[i]:R} gives {results[i]:R}, off by {error:F2} ulp");
                    largest = Math.Max(largest, error);
                }
                TestContext.Out.WriteLine($"{functions.GetType()}: {largest:F3} ulp from {low} to {high}");
            }
        }
    }

    // Evenly spaced numbers, and for every exponent of the range and both signs evenly spaced and extreme significands, down to the subnormal.
    private static IEnumerable<float> Arguments(float low, float high)
    {
        const int Even = 100_003;
        const uint Significands = 1 << 23, Step = 65_521;
        for (int i = 0; i < Even; i++)
            yield return low + ((high - low) * i / (Even - 1));
        for (uint exponent = 0; exponent < 255; exponent++)
        {
            for (uint significand = 0; significand < Significands + Step; significand += Step)
            {
                float value = BitConverter.UInt32BitsToSingle((exponent << 23) | Math.Min(significand, Significands - 1));
                if (value >= low && value <= high)
                    yield return value;
                if (-value >= low && -value <= high)
                    yield return -value;
            }
        }
    }

    // |result - truth| in steps between floats at the truth.
    private static double Error(float result, double truth)
    {
        float nearest = Math.Abs((float)truth);
        double step = (double)MathF.BitIncrement(nearest) - nearest;
        return Math.Abs(result - truth) / step;
    }

    // erfc in double precision: the series of erf near 0, the continued fraction further out.
    private static double Cumulative(double x)
    {
        double t = Math.Abs(x) / Math.Sqrt(2);
        double tail = t < 2 ? 1 - ErfSeries(t) : ErfcFraction(t);
        return x < 0 ? tail / 2 : 1 - (tail / 2);
    }

    private static double ErfSeries(double t)
    {
        double term = t;
        double sum = t;
        for (int n = 1; n < 80; n++)
        {
            term *= -t * t / n;
            sum += term / ((2 * n) + 1);
        }
        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static double ErfcFraction(double t)
    {
        double fraction = t;
        for (int n = 200; n > 0; n--)
            fraction = t + (n / 2.0 / fraction);
        return Math.Exp(-t * t) / (Math.Sqrt(Math.PI) * fraction);
    }

    private static IEnumerable<IFunctions> Widths()
    {
        if (CpuFeatures.IsSupported(InstructionSet.Vector512))
            yield return new Functions<Simd512>();
        if (CpuFeatures.IsSupported(InstructionSet.Vector256))
            yield return new Functions<Simd256>();
        if (CpuFeatures.IsSupported(InstructionSet.Vector128))
            yield return new Functions<Simd128>();
        yield return new Functions<Simd1>();
    }

    private interface IFunctions
    {
        float[] Exponential(float[] x);

        float[] Weight(float[] x);

        float[] Cumulative(float[] x);

        float[] Gelu(float[] x);

        float[] QuickGelu(float[] x);

        float[] Softmax(float[] x);
    }

    private sealed class Functions<S> : IFunctions
        where S : unmanaged, ISimd<S>
    {
        public float[] Exponential(float[] x) => Apply<ExponentialFunction>(x);

        public float[] Weight(float[] x) => Apply<WeightFunction>(x);

        public float[] Cumulative(float[] x) => Apply<CumulativeFunction>(x);

        public float[] Gelu(float[] x) => Apply<Gelu>(x);

        public float[] QuickGelu(float[] x) => Apply<QuickGelu>(x);

        public unsafe float[] Softmax(float[] x)
        {
            float[] y = [.. x];
            fixed (float* row = y)
            {
                float largest = SoftmaxRow.Largest<S>(row, y.Length, y.Length, float.NegativeInfinity);
                SoftmaxRow.Divide<S>(row, row, y.Length, SoftmaxRow.Exponentials<S>(row, y.Length, largest));
            }
            return y;
        }

        private static unsafe float[] Apply<TFunction>(float[] x)
            where TFunction : IActivation
        {
            var y = new float[x.Length];
            fixed (float* from = x, to = y)
            {
                for (int i = 0; i < x.Length; i += S.Width)
                {
                    int count = Math.Min(S.Width, x.Length - i);
                    TFunction.Apply(S.LoadPartial(from + i, count)).StorePartial(to + i, count);
                }
            }
            return y;
        }
    }

    private readonly struct ExponentialFunction : IActivation
    {
        public static S Apply<S>(S x)
            where S : unmanaged, ISimd<S> => Exponential.Evaluate(x);
    }

    private readonly struct WeightFunction : IActivation
    {
        public static S Apply<S>(S x)
            where S : unmanaged, ISimd<S> => Exponential.EvaluateWeight(x);
    }

    private readonly struct CumulativeFunction : IActivation
    {
        public static S Apply<S>(S x)
            where S : unmanaged, ISimd<S> => NormalDistribution.Cumulative(x);
    }
}
