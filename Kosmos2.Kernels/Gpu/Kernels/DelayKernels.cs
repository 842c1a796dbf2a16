using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>A kernel that takes its time, for measuring others.</summary>
internal static class DelayKernels
{
    /// <summary>Each step waits for the one before; the sum is only kept from being optimised away.</summary>
    public static void Delay(Index1D index, ArrayView<float> number, int steps)
    {
        float sum = number[index];
        for (int i = 0; i < steps; i++)
            sum = (sum * 0.5f) + 1;
        number[index] = sum;
    }
}
