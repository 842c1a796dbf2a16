using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Kernels.Conformance;

[TestFixtureSource(typeof(BackendsUnderTest), nameof(BackendsUnderTest.WithWideGroups))]
public sealed class LinearConformance(BackendUnderTest backend) : ConformanceFixture(backend)
{
    private static readonly DType[] WeightTypes = [DType.F32, DType.F16, DType.BF16];

    [Test]
    public void LinearAgreesOnOddSizes([ValueSource(nameof(WeightTypes))] DType type)
    {
        foreach (int rows in OddSizes)
        {
            foreach (int inputs in OddSizes)
            {
                foreach (int outputs in OddSizes)
                {
                    Conforms($"{type} {rows}x{inputs}x{outputs}", bench =>
                    {
                        Tensor y = bench.Result(rows, outputs);
                        bench.Backend.Linear(bench.Random(1, rows, inputs), Layer(bench, 2, type, inputs, outputs), y);
                        return bench.Read(y);
                    });
                }
            }
        }
    }

    /// <summary>
    /// A widely spread case: many tiles in every direction, none of them whole. The sums pass through values of about 23, the root of 515, where a
    /// float's step is 2e-6, so those that end near 0 are further off than a relative bound says.
    /// </summary>
    [Test]
    public void LinearAgreesOnSizesOfALayer([ValueSource(nameof(WeightTypes))] DType type) => Conforms(
        $"{type}",
        bench =>
        {
            Tensor y = bench.Result(75, 260);
            bench.Backend.Linear(bench.Random(1, 75, 515), Layer(bench, 2, type, 515, 260), y);
            return bench.Read(y);
        },
        absolute: 5e-5);

    /// <summary>Rows of a decoder's width and wider than a group's shared memory, whole blocks of loads or not; more outputs than a group has at a time.</summary>
    [Test]
    public void LinearAgreesOnFewWideRows([ValueSource(nameof(WeightTypes))] DType type, [Values(1024, 2048, 2052, 4136, 8192)] int inputs, [Values] bool norm) =>
        Conforms(
            $"{type} 2x{inputs}x150",
            bench =>
            {
                Tensor y = bench.Result(2, 150);
                bench.Backend.Linear(
                    bench.Random(1, 2, inputs), Layer(bench, 2, type, inputs, 150), y, Activation.Gelu, bench.Random(4, 2, 150), norm ? bench.Norm(5, inputs) : null);
                return bench.Read(y);
            },
            absolute: 5e-5);

    [Test]
    public void LinearAgreesOnOneRowOfManyOutputs([ValueSource(nameof(WeightTypes))] DType type) => Conforms($"{type}", bench =>
    {
        Tensor y = bench.Result(1, 9001);
        bench.Backend.Linear(bench.Random(1, 1, 264), Layer(bench, 2, type, 264, 9001), y, norm: bench.Norm(5, 264));
        return bench.Read(y);
    });

    [Test]
    public void LinearTakesWeightsAtAnyAddress([ValueSource(nameof(WeightTypes))] DType type, [Values(1, 2, 4, 8)] int misalignment) =>
        Conforms($"{type} + {misalignment}", bench =>
        {
            Tensor y = bench.Result(5, 37);
            var layer = new LinearParameters(bench.Weight(2, type, 37, 70, misalignment), null);
            bench.Backend.Linear(bench.Random(1, 5, 70), layer, y);
            return bench.Read(y);
        });

    [Test]
    public void LinearAddsBiasThenActivatesThenAddsResidual([Values] Activation activation, [Values] bool bias, [Values] bool residual, [Values] bool norm)
    {
        foreach (int rows in OddSizes)
        {
            Conforms($"{rows} rows", bench =>
            {
                var layer = new LinearParameters(bench.Weight(2, DType.F32, 19, 33), bias ? bench.Random(3, 19) : null);
                Tensor y = bench.Result(rows, 19);
                bench.Backend.Linear(
                    bench.Random(1, rows, 33), layer, y, activation, residual ? bench.Random(4, rows, 19) : null, norm ? bench.Norm(5, 33) : null);
                return bench.Read(y);
            });
        }
    }

    [Test]
    public void LinearMayAddToItsResidualInPlace([Values(1, 7, 37)] int rows) => Conforms($"{rows} rows", bench =>
    {
        Tensor y = bench.Random(4, rows, 21);
        bench.Backend.Linear(bench.Random(1, rows, 40), Layer(bench, 2, DType.F16, 40, 21), y, Activation.Gelu, residual: y);
        return bench.Read(y);
    });

    [Test]
    public void LinearLeavesItsNormalisedInputAsItWas([Values(1, 7, 37)] int rows) => ConformsExactly($"{rows} rows", bench =>
    {
        Tensor x = bench.Random(1, rows, 40);
        bench.Backend.Linear(x, Layer(bench, 2, DType.F32, 40, 21), bench.Result(rows, 21), norm: bench.Norm(5, 40));
        return bench.Read(x);
    });

    /// <summary>The identity matrix as weight shows the activation alone, over its whole range and where exponentials overflow.</summary>
    [Test]
    public void ActivationsAgreeFromTailToTail([Values] Activation activation)
    {
        float[] x = [.. Enumerable.Range(-400, 801).Select(i => i / 40f), -1000, 1000, -1e30f, 1e30f, -0f, 1e-30f];
        Conforms($"{activation}", bench =>
        {
            Tensor y = bench.Result(x.Length, 1);
            bench.Backend.Linear(bench.Floats(x, x.Length, 1), new LinearParameters(bench.Weight([1], DType.F32, 1, 1), null), y, activation);
            return bench.Read(y);
        }, absolute: 1e-6, relative: 1e-5);
    }

    [Test]
    public void WhatIsNoNumberStaysNone([Values] Activation activation, [Values(1, 40)] int rows)
    {
        float[] y = Run(bench =>
        {
            Tensor result = bench.Result(rows, 1);
            float[] x = [.. Enumerable.Repeat(float.NaN, rows)];
            bench.Backend.Linear(bench.Floats(x, rows, 1), new LinearParameters(bench.Weight([1], DType.F32, 1, 1), null), result, activation);
            return bench.Read(result);
        });
        Assert.That(y, Is.All.NaN);
    }

    /// <summary>Subnormal halves are ordinary floats; a kernel that flushes them to zero loses them.</summary>
    [Test]
    public void LinearKeepsSubnormalHalves([Values(1, 37)] int rows)
    {
        float[] weights = Array.ConvertAll(Samples.Normal(2, 19, 37), v => v * 1e-6f);
        Conforms($"{rows} rows", bench =>
        {
            float[] x = Array.ConvertAll(Samples.Normal(1, rows, 37), v => v * 1e6f);
            Tensor y = bench.Result(rows, 19);
            bench.Backend.Linear(bench.Floats(x, rows, 37), new LinearParameters(bench.Weight(weights, DType.F16, 19, 37), null), y);
            return bench.Read(y);
        });
    }

    [Test]
    public void LinearGroupIsItsLayersOneByOne([ValueSource(nameof(WeightTypes))] DType type, [Values(1, 3, 70)] int rows, [Values] bool norm) =>
        Conforms($"{type}, {rows} rows", bench =>
        {
            LinearParameters[] layers =
            [
                Layer(bench, 2, type, 40, 130),
                Layer(bench, 4, type, 40, 24) with { Bias = null },
                Layer(bench, 6, type, 40, 7),
            ];
            Tensor[] y = [bench.Result(rows, 130), bench.Result(rows, 24), bench.Result(rows, 7)];
            bench.Backend.LinearGroup(bench.Random(1, rows, 40), layers, y, norm ? bench.Norm(8, 40) : null);
            return [.. bench.Read(y[0]), .. bench.Read(y[1]), .. bench.Read(y[2])];
        });

    [Test]
    public void LinearOfNoRowsDoesNothing() => ConformsExactly("no rows", bench =>
    {
        bench.Backend.Linear(bench.Result(0, 5), Layer(bench, 2, DType.F32, 5, 3), bench.Result(0, 3), norm: bench.Norm(3, 5));
        return [];
    });

    /// <summary>
    /// The same bits for a row, whether it runs alone, in a small batch or in a tall one; a GPU has other kernels for tall ones, which add in another order.
    /// </summary>
    [Test]
    public void LinearGivesARowTheSameBitsInAnyBatch([ValueSource(nameof(WeightTypes))] DType type, [Values] bool norm)
    {
        const int Inputs = 203;
        const int Outputs = 67;
        float[] x = Samples.Normal(1, 70, Inputs);
        float[] Batch(int first, int rows) => Run(bench =>
        {
            Tensor y = bench.Result(rows, Outputs);
            bench.Backend.Linear(
                bench.Floats(x[(first * Inputs)..((first + rows) * Inputs)], rows, Inputs),
                Layer(bench, 2, type, Inputs, Outputs),
                y,
                Activation.Gelu,
                norm: norm ? bench.Norm(5, Inputs) : null);
            return bench.Read(y);
        });

        float[] tall = Batch(0, 70);
        float[] together = Backend is IlgpuBackend ? [.. Enumerable.Range(0, 10).SelectMany(i => Batch(7 * i, 7))] : tall;
        Assert.That(together, Is.EqualTo(tall).Within(1e-4), "batches of seven");
        foreach ((int first, int rows) in new[] { (0, 1), (69, 1), (33, 1), (5, 2), (10, 3), (1, 4), (50, 7), (20, 16), (3, 37) })
        {
            float[] expected = Backend is IlgpuBackend && rows > 7 ? tall : together;
            Assert.That(Batch(first, rows), Is.EqualTo(expected[(first * Outputs)..((first + rows) * Outputs)]), $"rows {first} + {rows}");
        }
    }

    private static LinearParameters Layer(Workbench bench, int seed, DType type, int inputs, int outputs) =>
        new(bench.Weight(seed, type, outputs, inputs), bench.Random(seed + 1, outputs));
}
