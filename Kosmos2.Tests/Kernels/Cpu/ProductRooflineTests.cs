using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Tests.Kernels.Cpu;

public sealed class ProductRooflineTests
{
    // 100 G operations a second in F32, twice and four times as many in integers, and 20 GB/s.
    private static readonly Given Machine = new(InstructionSet.Vector256);

    private static readonly ProductForm Float32 = new("f32 packed", DType.F32, 32, WeightResidency.Packed, ProductPrecision.Exact);
    private static readonly ProductForm Int8 = new("int8 packed", DType.I8, 8, WeightResidency.Packed, ProductPrecision.Fast);

    [Test]
    public void A_share_is_that_of_the_longer_of_reading_and_arithmetic()
    {
        var decode = new ProductShare(Float32, new ProductShape(1, 1000, 1000), 400e-6, Machine);
        var prompt = new ProductShare(Float32, new ProductShape(100, 1000, 1000), 4e-3, Machine);
        var integers = new ProductShare(Int8, new ProductShape(100, 1000, 1000), 4e-3, Machine);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((decode.IsReading, decode.Share), Is.EqualTo((true, 0.5)));
            Assert.That((prompt.IsReading, prompt.Share), Is.EqualTo((false, 0.5)));
            Assert.That((integers.IsReading, integers.Share), Is.EqualTo((false, 0.25)));
        }
    }

    [Test]
    public void A_product_faster_than_the_limit_or_slower_than_half_of_what_is_stated_fails()
    {
        // 0.8 is stated, of 2 ms that the machine takes at least.
        ProductShare At(double share) => new(Float32, new ProductShape(100, 1000, 1000), 2e-3 / share, Machine);
        Assert.That(At(1).Stated, Is.EqualTo(0.8));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((At(0.39).IsTooSlow, At(0.39).IsImpossible), Is.EqualTo((true, false)));
            Assert.That((At(0.41).IsTooSlow, At(0.41).IsImpossible), Is.EqualTo((false, false)));
            Assert.That((At(1.02).IsTooSlow, At(1.02).IsImpossible), Is.EqualTo((false, false)));
            Assert.That((At(1.04).IsTooSlow, At(1.04).IsImpossible), Is.EqualTo((false, true)));
        }
    }

    [Test]
    public void Shares_are_stated_for_each_set_of_assembled_kernels_and_for_no_others()
    {
        ProductForm[] forms = [Float32, Int8, new("bf16 mapped", DType.BF16, 16, WeightResidency.Mapped, ProductPrecision.Exact), new("int4 packed", DType.I32, 4, WeightResidency.Packed, ProductPrecision.Fast)];
        foreach (ProductForm form in forms)
        {
            foreach (int rows in (int[])[1, 4, 8, 16, 64, 340])
            {
                Assert.That(StatedShares.Of(InstructionSet.Vector512, form, rows), Is.InRange(0.1, 0.95), $"{form.Name}, {rows}");
                Assert.That(StatedShares.Of(InstructionSet.Vector256, form, rows), Is.InRange(0.1, 0.95), $"{form.Name}, {rows}");
                Assert.That(StatedShares.Of(null, form, rows), Is.Null, $"{form.Name}, {rows}");
            }
        }
        Assert.That(StatedShares.Of(InstructionSet.Vector512, Int8, 1), Is.GreaterThan(StatedShares.Of(InstructionSet.Vector512, Int8, 16)!));
    }

    [Test]
    public void One_thread_is_compared_with_several_where_it_was_measured()
    {
        var shape = new ProductShape(72, 1000, 1000);
        Assert.That(new ProductShare(Float32, shape, 2e-3, Machine, 3.8e-3).Speedup, Is.EqualTo(1.9).Within(1e-9));
        Assert.That(new ProductShare(Float32, shape, 2e-3, Machine).Speedup, Is.Null);
    }

    [Test]
    public void Every_product_of_the_model_is_measured()
    {
        ProductShape[] shapes = [.. ProductShape.OfTheModel];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(shapes.Where(shape => shape.Outputs == 65037).Select(shape => shape.Rows), Is.EqualTo(new[] { 1, 4, 8, 16, 64 }));
            Assert.That(shapes.Where(shape => shape is { Outputs: 8192, Inputs: 2048 }).Select(shape => shape.Rows), Is.EqualTo(new[] { 1, 4, 8, 16, 64, 65, 72, 252, 340 }));
            // The patch embedding's weight stays as it is in quantized models.
            Assert.That(shapes, Has.One.EqualTo(new ProductShape(256, 1024, 588)));
            Assert.That((Float32.Takes(588), Int8.Takes(588)), Is.EqualTo((true, false)));
        }
    }

    private sealed record Given(InstructionSet? Assembled) : IMachineLimits
    {
        public int Threads => 1;

        public double FloatPeak => 100e9;

        public double BFloat16Peak => 100e9;

        public double Int8Peak => 200e9;

        public double Int4Peak => 400e9;

        public double Bandwidth => 20e9;
    }
}
