using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>Limits are those of the instructions that a backend with the same options uses.</summary>
internal sealed class MachinePeaksTests
{
    private static readonly PeakLoop[] Avx512 = [PeakLoop.Fma512, PeakLoop.BFloat16, PeakLoop.Bytes, PeakLoop.Shorts512, PeakLoop.Bytes512];

    [Test]
    public void With_AVX2_no_wider_loop_is_a_limit()
    {
        using MachinePeaks peaks = Create(new CpuOptions { Threads = 1, InstructionSet = InstructionSet.Vector256 });
        peaks.MeasureArithmetic();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(peaks.Loops, Is.EquivalentTo(new[] { PeakLoop.Clock, PeakLoop.Fma256, PeakLoop.Fma128, PeakLoop.Shorts256, PeakLoop.Bytes256 }));
            Assert.That(peaks.FloatPeak, Is.EqualTo(Math.Max(peaks.Peak(PeakLoop.Fma256), peaks.Peak(PeakLoop.Fma128))));
            Assert.That(peaks.Int8Peak, Is.EqualTo(peaks.Peak(PeakLoop.Shorts256)));
            Assert.That(peaks.Int4Peak, Is.EqualTo(peaks.Peak(PeakLoop.Bytes256)));
            Assert.That(peaks.Assembled, Is.EqualTo(InstructionSet.Vector256));
        }
    }

    [Test]
    public void What_is_disabled_is_no_limit()
    {
        using MachinePeaks narrow = Create(new CpuOptions { Threads = 1, Disable = "avx512" });
        using MachinePeaks floats = Create(new CpuOptions { Threads = 1, Disable = "avx512vnni,integers" });
        using MachinePeaks compiled = Create(new CpuOptions { Threads = 1, Disable = "assembler" });
        floats.MeasureArithmetic();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(narrow.Loops.Intersect(Avx512), Is.Empty);
            Assert.That((floats.Int8Peak, floats.Int4Peak), Is.EqualTo((floats.FloatPeak, floats.FloatPeak)));
            Assert.That(compiled.Loops, Has.None.EqualTo(PeakLoop.Bytes));
            Assert.That((floats.Assembled, compiled.Assembled), Is.EqualTo(((InstructionSet?)null, (InstructionSet?)null)));
        }
    }

    [Test]
    public void Vectors_of_512_bits_without_VNNI_have_limits_of_their_own()
    {
        if (!CpuFeatures.IsSupported(InstructionSet.Vector512))
            Assert.Ignore("this machine has no AVX-512");
        using MachinePeaks peaks = Create(new CpuOptions { Threads = 1, InstructionSet = InstructionSet.Vector512, Disable = "avx512vnni" });
        peaks.MeasureArithmetic();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(peaks.Int8Peak, Is.EqualTo(peaks.Peak(PeakLoop.Shorts512)).And.Positive);
            Assert.That(peaks.Int4Peak, Is.EqualTo(peaks.Peak(PeakLoop.Bytes512)).And.Positive);
        }
    }

    [Test]
    public void Without_vectors_or_leave_to_execute_there_are_none()
    {
        Assert.That(MachinePeaks.TryCreate(new CpuOptions { Disable = "executable" }), Is.Null);
        Assert.That(MachinePeaks.TryCreate(new CpuOptions { InstructionSet = InstructionSet.Scalar }), Is.Null);
    }

    private static MachinePeaks Create(CpuOptions options)
    {
        MachinePeaks? peaks = CpuFeatures.IsSupported(InstructionSet.Vector256) ? MachinePeaks.TryCreate(options) : null;
        if (peaks is null)
            Assert.Ignore("this machine has no loops to measure");
        return peaks!;
    }
}
