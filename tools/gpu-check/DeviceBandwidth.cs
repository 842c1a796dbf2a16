using System.Diagnostics;
using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.GpuCheck;

/// <summary>How fast a device reads its memory: the yardstick of a decode step, which reads every weight once.</summary>
internal static class DeviceBandwidth
{
    private const int GroupSize = 256;
    private const int Turns = 10;

    /// <summary>Measures the best of some readings.</summary>
    /// <param name="output">Gets a line with the result.</param>
    /// <param name="kind">The first device of this kind is measured.</param>
    /// <param name="bytes">Bytes of a reading; an eighth of the device's memory is the most.</param>
    /// <returns>Bytes a second.</returns>
    public static double Measure(TextWriter output, IlgpuDeviceKind kind, long bytes)
    {
        using Context context = IlgpuDevices.CreateContext(kind);
        (Device device, IlgpuDevice description) = IlgpuDevices.Find(context, kind, 0);
        using Accelerator accelerator = device.CreateAccelerator(context);
        long count = Math.Min(bytes, device.MemorySize / 8) / sizeof(float);
        using MemoryBuffer1D<float, Stride1D.Dense> numbers = accelerator.Allocate1D<float>(count);
        using MemoryBuffer1D<float, Stride1D.Dense> sums = accelerator.Allocate1D<float>(1);
        numbers.MemSetToZero();
        var kernel = accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Sum);
        int groups = device.NumMultiprocessors * 16;
        double best = double.PositiveInfinity;
        for (int turn = 0; turn < Turns; turn++)
        {
            accelerator.Synchronize();
            long start = Stopwatch.GetTimestamp();
            kernel((groups, GroupSize), numbers.View.BaseView, sums.View.BaseView);
            accelerator.Synchronize();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        double bandwidth = count * sizeof(float) / best;
        output.WriteLine($"{description.Selector} {description.Name}: reads {bandwidth / 1e9:F0} GB/s");
        return bandwidth;
    }

    // Eight loads are under way at once in every thread; the sum is only kept from being optimised away.
    private static void Sum(ArrayView<float> numbers, ArrayView<float> sums)
    {
        long stride = Grid.DimX * (long)Group.DimX;
        float a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        for (; i + (7 * stride) < numbers.Length; i += 8 * stride)
        {
            a += numbers[i];
            b += numbers[i + stride];
            c += numbers[i + (2 * stride)];
            d += numbers[i + (3 * stride)];
            e += numbers[i + (4 * stride)];
            f += numbers[i + (5 * stride)];
            g += numbers[i + (6 * stride)];
            h += numbers[i + (7 * stride)];
        }
        float sum = a + b + c + d + e + f + g + h;
        if (sum != 0)
            sums[0] = sum;
    }
}
