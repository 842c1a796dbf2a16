using System.Globalization;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Bench;

/// <summary>
/// A few products on one thread, each as a share of the machine's limit. One that falls below half of its stated share has another try, with the limits
/// measured again beside it: a neighbour that takes the processor for a moment is no slow kernel.
/// </summary>
internal static class ProductSmoke
{
    private const int Tries = 4;
    private const int Turns = 3;

    /// <returns>Whether all products reached half of what <see cref="ProductForm.Stated"/> says.</returns>
    public static bool Run(TextWriter output)
    {
        using MachinePeaks? peaks = MachinePeaks.TryCreate(1);
        if (peaks is null)
        {
            output.WriteLine("shares of the limit: not measured, this machine has no loops for it");
            return true;
        }
        ProductShape[] shapes = [.. ProductShape.ForSmoke];
        using var roofline = new ProductRoofline(peaks, shapes);
        bool reached = true;
        foreach (ProductForm form in ProductForm.Of(peaks))
        {
            ProductShare[] best = [];
            for (int attempt = 0; attempt < Tries && !(best.Length > 0 && best.All(Reached)); attempt++)
            {
                ProductShare[] now = roofline.Measure(form, shapes[0].Outputs, shapes[0].Inputs, [.. shapes.Select(shape => shape.Rows)], Turns, CancellationToken.None);
                best = best.Length == 0 ? now : [.. best.Zip(now, (a, b) => a.Seconds < b.Seconds ? a : b)];
            }
            foreach (ProductShare product in best)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{form.Name} {product.Shape}: {100 * product.Share:F0}% of the limit, {100 * form.Stated(product.Shape.Rows):F0}% stated"));
                reached &= Reached(product);
            }
        }
        return reached;
    }

    private static bool Reached(ProductShare product) => product.Share >= product.Form.Stated(product.Shape.Rows) / 2;
}
