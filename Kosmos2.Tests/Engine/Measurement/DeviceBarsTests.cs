using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine.Measurement;

/// <summary>What is asked of a card, beside figures that nothing was measured for: a device that reads 1000 bytes a second, a model with 800 of weights.</summary>
internal sealed class DeviceBarsTests
{
    private const string Failed = "bandwidth: FAILED after 1 s";
    private static readonly Measured<double> Bandwidth = new(1000);

    [Test]
    public void FiguresAtTheirBarsMeetThem() => Assert.That(Lines(Bandwidth, Model(0.96875, 3.99e-3), Model(1.125, 1), Products(0.6, 0.9)), Is.EqualTo(new[]
    {
        "a token of 1 sequence, BF16, of the measured reading: 82.58%, at least 82% is wanted: met",
        "a token of 1 sequence, INT8, of the measured reading: 71.11%, at least 70% is wanted: met",
        "encoding a picture and prefill, BF16: 3.99 ms, below 4 ms is wanted: met",
        "4096 x 4096 x 4096, BF16, of cublasGemmEx: 60.00%, at least 60% is wanted: met",
        "4096 x 4096 x 4096, F32, of cuBLAS: 90.00%, at least 90% is wanted: met",
        "tokens a second of 64 sequences, BF16, of those of 1: 32.00x, at least 30x is wanted: met",
    }));

    [Test]
    public void FiguresShortOfTheirBarsDoNot()
    {
        Bar[] bars = [.. DeviceBars.Of(Bandwidth, Model(1, 4e-3, slowdown: 2.2), Model(1.2, 1), Products(0.59, 0.89))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bars.Select(bar => Math.Round(bar.Figure.Value, 2)), Is.EqualTo(new[] { 80, 66.67, 4, 59, 89, 29.09 }));
            Assert.That(bars.Select(bar => bar.IsMet), Is.All.False);
            Assert.That(bars[0].ToString(), Does.EndWith("80.00%, at least 82% is wanted: not met"));
        }
    }

    [Test]
    public void NothingIsNoFigure([Values(double.NaN, double.PositiveInfinity)] double firstToken) =>
        Assert.That(DeviceBars.Of(Bandwidth, Model(1, firstToken), Model(1, 1), Products(1, 1))[2].IsMet, Is.False);

    [Test]
    public void WhatWasNotMeasuredSaysWhy()
    {
        Bar[] bars = [.. DeviceBars.Of(new(0, Failed), Model(1, 3e-3), new(null!, "bench: SKIPPED, 450 s are over"), Products(null, null))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(bars[0].ToString(), Is.EqualTo($"a token of 1 sequence, BF16, of the measured reading: not measured, {Failed} (at least 82% is wanted)"));
            Assert.That(bars.Select(bar => bar.Figure.Problem), Is.EqualTo(new[] { Failed, "bench: SKIPPED, 450 s are over", null, "libcublas is not found", "libcublas is not found", null }));
            Assert.That(bars.Select(bar => bar.IsMet), Is.EqualTo(new[] { false, false, true, false, false, true }));
            Assert.That(Lines(Bandwidth, Model(1, 1), Model(1, 1), new([]))[3], Does.Contain("not measured, there is no CUDA device"));
        }
    }

    private static string[] Lines(Measured<double> bandwidth, Measured<BenchReport> bfloat16, Measured<BenchReport> int8, Measured<IReadOnlyList<ProductFigure>> products) =>
        [.. DeviceBars.Of(bandwidth, bfloat16, int8, products).Select(bar => bar.ToString())];

    // 64 sequences take twice as long as one.
    private static Measured<BenchReport> Model(double step, double firstToken, double slowdown = 2)
    {
        var answer = new BestAnswer();
        answer.Add(new AnswerTimes(firstToken / 4, firstToken * 3 / 4, [], [0]));
        return new(MadeUpReport.Of(Step(1, step), Step(64, slowdown * step)) with { Answer = answer });
    }

    private static BenchFigure Step(int sequences, double seconds) => new($"decode {sequences}", sequences, seconds, new Work(800, 1, 0, 0, 0), null, null);

    // Those of 1000 operations a second by cuBLAS, among others.
    private static Measured<IReadOnlyList<ProductFigure>> Products(double? bfloat16, double? single)
    {
        ProductFigure Of(int rows, DType type, double? share) => new(rows, 4096, 4096, type, 1000 * share ?? 1, share is null ? null : 1000);
        return new([Of(4096, DType.F16, 0.1), Of(4096, DType.BF16, bfloat16), Of(257, DType.BF16, 0.2), Of(4096, DType.F32, single)]);
    }
}
