using System.Globalization;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Bench;

/// <summary>
/// A few products on one thread, each as a share of the machine's limit. One that falls below half of its stated share, or passes the limit, has other tries, with the limits
/// measured again beside it: a neighbour that takes the processor for a moment is no slow kernel.
/// </summary>
internal static class ProductSmoke
{
    private const int Turns = 6;

    /// <returns>Whether all products reached half of what <see cref="StatedShares"/> says, and none passed the limit.</returns>
    public static bool Run(TextWriter output)
    {
        using MachinePeaks? peaks = MachinePeaks.TryCreate(new CpuOptions { Threads = 1 });
        if (peaks is null)
        {
            output.WriteLine("shares of the limit: not measured, this machine has no loops for it, or may not run them");
            return true;
        }
        ProductShape[] shapes = [.. ProductShape.ForSmoke];
        using var roofline = new ProductRoofline(peaks, shapes);
        bool reached = true;
        foreach (ProductForm form in ProductForm.Of(peaks))
        {
            foreach (IGrouping<(int Outputs, int Inputs), ProductShape> weight in shapes.GroupBy(shape => (shape.Outputs, shape.Inputs)))
            {
                ProductShare[] best = Measure();
                ShareRule.Repeat(() => best.Any(Fails), () => best = [.. best.Zip(Measure(), (a, b) => a.Seconds < b.Seconds ? a : b)]);
                foreach (ProductShare product in best)
                {
                    string stated = product.Stated is double share ? $"{100 * share:F0}%" : "none";
                    output.WriteLine(string.Create(
                        CultureInfo.InvariantCulture, $"{form.Name} {product.Shape}: {100 * product.Share:F0}% of the limit, {stated} stated{(product.IsTooSlow ? "  failed: too slow" : product.IsImpossible ? "  failed: above the limit" : "")}"));
                    reached &= !Fails(product);
                }

                ProductShare[] Measure() =>
                    roofline.Measure(form, weight.Key.Outputs, weight.Key.Inputs, [.. weight.Select(shape => shape.Rows)], Turns, CancellationToken.None);
            }
        }
        return reached;
    }

    private static bool Fails(ProductShare product) => product.IsTooSlow || product.IsImpossible;
}
