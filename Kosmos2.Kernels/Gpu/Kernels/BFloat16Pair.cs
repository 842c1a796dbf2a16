using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Two BF16, each the upper half of a float, in a word: the first in its lower bits.</summary>
internal static class BFloat16Pair
{
    public static float Low(int pair) => Interop.IntAsFloat((uint)pair << 16);

    public static float High(int pair) => Interop.IntAsFloat((uint)pair & 0xffff0000);

    /// <summary>Those of two words.</summary>
    public static Quad Four(int first, int second) => new(Low(first), High(first), Low(second), High(second));
}
