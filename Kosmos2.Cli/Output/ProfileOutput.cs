using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels.Gpu.Profiling;
using static System.FormattableString;

namespace Kosmos2.Cli.Output;

/// <summary>Where a GPU's time goes, as text and as JSON.</summary>
internal static class ProfileOutput
{
    public static void Print(ProfiledPart part)
    {
        Console.Out.WriteLine(Invariant($"{part.Name}: {part.Seconds * 1e6:F0} us in {part.Kernels.Sum(kernel => kernel.Launches)} launches"));
        foreach (KernelTime kernel in part.Kernels)
        {
            string speed = kernel.Bytes == 0 ? "" : Invariant($"{kernel.Bytes / kernel.Seconds / 1e9,8:F1} GB/s");
            Console.Out.WriteLine(Invariant(
                $"  {kernel.Label,-40} {kernel.Launches,4} {kernel.Seconds * 1e6,10:F1} us {kernel.Seconds * 1e6 / kernel.Launches,9:F1} each {100 * kernel.Seconds / part.Seconds,4:F0}%{speed}"));
        }
    }

    public static string Json(ProfiledPart part, KernelTime kernel) => JsonLine.Of(json =>
    {
        json.WriteString("part", part.Name);
        json.WriteString("kernel", kernel.Label.Name);
        json.WriteNumber("rows", kernel.Label.Rows);
        json.WriteNumber("outputs", kernel.Label.Outputs);
        json.WriteNumber("inputs", kernel.Label.Inputs);
        json.WriteNumber("launches", kernel.Launches);
        json.WriteNumber("seconds", kernel.Seconds);
        json.WriteNumber("bytes", kernel.Bytes);
    });
}
