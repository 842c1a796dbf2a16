using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Mathematics;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>The errors of our elementary functions against double precision, in units of the result's last place.</summary>
public sealed class MathematicsTests
{
    [Test]
    public void ExponentialIsWithinItsBound()
    {
        foreach (IFunctions functions in Widths())
            Assert.That(LargestError(functions.Exponential, Math.Exp, -87, 88), Is.LessThan(1.1), $"{functions.GetType()}");
    }

    [Test]
    public void ExponentialUnderflowsGradually()
    {
        foreach (IFunctions functions in Widths())
        {
            Assert.That(LargestError(functions.Exponential, Math.Exp, -103.9f, -87), Is.LessThan(1.1), "in steps of the smallest float");
            Assert.That(functions.Exponential([float.NegativeInfinity, -104.5f, -1e30f]), Is.All.Zero);
        }
    }

    [Test]
    public void ExponentialKnowsItsEdges()
    {
        foreach (IFunctions functions in Widths())
        {
            float[] results = functions.Exponential([0, -0f, float.PositiveInfinity, 89, float.NaN]);
            Assert.That(results, Is.EqualTo(new[] { 1, 1, float.PositiveInfinity, float.PositiveInfinity, float.NaN }));
        }
    }

    /// <summary>In the lower tail too, where 1 + erf would have lost all digits.</summary>
    [Test]
    public void NormalDistributionIsWithinItsBound()
    {
        foreach (IFunctions functions in Widths())
            Assert.That(LargestError(functions.Cumulative, Cumulative, -12.9f, 12.9f), Is.LessThan(6.0), $"{functions.GetType()}");
    }

    [Test]
    public void NormalDistributionKnowsItsEdges()
    {
        foreach (IFunctions functions in Widths())
        {
            float[] results = functions.Cumulative([0, -0f, 1e30f, -1e30f, float.PositiveInfinity, float.NegativeInfinity, float.NaN]);
            Assert.That(results, Is.EqualTo(new[] { 0.5f, 0.5f, 1, 0, 1, 0, float.NaN }));
        }
    }

    // The largest |result - truth| over evenly spaced arguments, in steps between floats at the truth.
    private static double LargestError(Func<float[], float[]> function, Func<double, double> truth, float low, float high)
    {
        const int Count = 200_003;
        var arguments = new float[Count];
        for (int i = 0; i < Count; i++)
            arguments[i] = low + ((high - low) * i / (Count - 1));
        float[] results = function(arguments);
        double largest = 0;
        for (int i = 0; i < Count; i++)
        {
            double expected = truth(arguments[i]);
            float nearest = Math.Abs((float)expected);
            double step = (double)MathF.BitIncrement(nearest) - nearest;
            largest = Math.Max(largest, Math.Abs(results[i] - expected) / step);
        }
        TestContext.Out.WriteLine($"{largest:F3} ulp from {low} to {high}");
        return largest;
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

        float[] Cumulative(float[] x);
    }

    private sealed class Functions<S> : IFunctions
        where S : unmanaged, ISimd<S>
    {
        public float[] Exponential(float[] x) => Apply(x, exponential: true);

        public float[] Cumulative(float[] x) => Apply(x, exponential: false);

        private static unsafe float[] Apply(float[] x, bool exponential)
        {
            var y = new float[x.Length];
            fixed (float* from = x, to = y)
            {
                for (int i = 0; i < x.Length; i += S.Width)
                {
                    int count = Math.Min(S.Width, x.Length - i);
                    S argument = S.LoadPartial(from + i, count);
                    S result = exponential ? Kosmos2.Kernels.Cpu.Mathematics.Exponential.Evaluate(argument) : NormalDistribution.Cumulative(argument);
                    result.StorePartial(to + i, count);
                }
            }
            return y;
        }
    }
}
