using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Tests.Kernels.Conformance;
using Half = System.Half;

namespace Kosmos2.Tests.Kernels.Gpu;

/// <summary>Rows that a norm writes in the 16 bits of the product behind it.</summary>
internal sealed class RoundedRowsTests
{
    /// <summary>Every half, and what lies between it and the next: a quarter, the middle, which goes to the even one, and three quarters.</summary>
    [Test]
    public void FloatsBecomeTheNearestHalf()
    {
        for (int bits = 0; bits < ushort.MaxValue; bits++)
        {
            float from = (float)BitConverter.UInt16BitsToHalf((ushort)bits), to = (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1));
            foreach (float part in (float[])[0, 0.25f, 0.5f, 0.75f])
            {
                float value = from + (part * (to - from));
                ushort actual = HalfResult.Round(BitConverter.SingleToUInt32Bits(value));
                if (float.IsNaN(value))
                    Assert.That(Half.IsNaN(BitConverter.UInt16BitsToHalf(actual)), $"{bits:x4}");
                else
                    Assert.That(actual, Is.EqualTo(BitConverter.HalfToUInt16Bits((Half)value)), $"{value:r}");
            }
        }
        foreach (float large in (float[])[65519.996f, 65520, 1e9f, -65519.996f, -65520])
            Assert.That(HalfResult.Round(BitConverter.SingleToUInt32Bits(large)), Is.EqualTo(BitConverter.HalfToUInt16Bits((Half)large)), $"{large:r}");
    }

    /// <summary>On a device: the bits of what the norm gives in F32, rounded.</summary>
    [Test]
    [Category("OpenCL")]
    public void NormsRoundWhatTheyStore([Values(1, 63, 131, 1030, 8200)] int width)
    {
        const int Rows = 3;
        using Context context = IlgpuDevices.CreateContext(IlgpuDeviceKind.OpenCl);
        if (IlgpuDevices.Of(context, IlgpuDeviceKind.OpenCl).FirstOrDefault(d => d.Description.Problem is null).Device is not { } device)
        {
            Assert.Inconclusive("no OpenCL device on this machine");
            return;
        }
        using Accelerator accelerator = device.CreateAccelerator(context);
        AcceleratorStream queue = accelerator.DefaultStream;
        var launchers = new Launchers(accelerator);
        KernelConfig groups = (Rows, launchers.RowThreads(width));
        using MemoryBuffer1D<float, Stride1D.Dense> x = accelerator.Allocate1D(Samples.Normal(1, Rows * width));
        using MemoryBuffer1D<float, Stride1D.Dense> gain = accelerator.Allocate1D(Samples.Normal(2, width)), bias = accelerator.Allocate1D(Samples.Normal(3, width));
        using MemoryBuffer1D<float, Stride1D.Dense> exact = accelerator.Allocate1D<float>(Rows * width);
        using MemoryBuffer1D<ushort, Stride1D.Dense> half = accelerator.Allocate1D<ushort>(Rows * width), bfloat16 = accelerator.Allocate1D<ushort>(Rows * width);
        var norm = new NormViews(gain.View, bias.View, 1e-5f);
        launchers.LayerNorm<FloatResult>()(queue, groups, x.View, norm, new FloatResult(exact.View), width);
        launchers.LayerNorm<HalfResult>()(queue, groups, x.View, norm, new HalfResult(half.View), width);
        launchers.LayerNorm<BFloat16Result>()(queue, groups, x.View, norm, new BFloat16Result(bfloat16.View), width);
        float[] expected = exact.GetAsArray1D();
        Assert.Multiple(() =>
        {
            Assert.That(half.GetAsArray1D(), Is.EqualTo(Array.ConvertAll(expected, v => BitConverter.HalfToUInt16Bits((Half)v))));
            Assert.That(bfloat16.GetAsArray1D(), Is.EqualTo(Array.ConvertAll(expected, BFloat16.ToBits)));
        });
    }
}
