using Kosmos2.Kernels.Cpu.Roofline;
using static System.FormattableString;

namespace Kosmos2.Cli.Output;

/// <summary>Products as shares of the machine's limit, as text and as JSON.</summary>
internal static class ProductOutput
{
    public static void Print(ProductShare product)
    {
        string speed = product.IsReading ? $"{product.Bytes / product.Seconds / 1e9,8:F1} GB/s" : $"{product.Shape.Operations / product.Seconds / 1e9,8:F0} G   ";
        string wrong = product.IsImpossible ? "  failed: the limit or the time is measured or counted wrongly" : "";
        string threads = product.Speedup is double speedup ? Invariant($"  {speedup:F2}x of one thread") : "";
        Console.Out.WriteLine(Invariant($"  {product.Form.Name,-11} {product.Shape,-15} {speed} {100 * product.Share,4:F0}% of {(product.IsReading ? "reading" : "arithmetic"),-10}{threads}{wrong}").TrimEnd());
    }

    public static string Json(ProductShare product) => JsonLine.Of(json =>
    {
        json.WriteNumber("threads", product.Limits.Threads);
        json.WriteString("form", product.Form.Name);
        json.WriteNumber("rows", product.Shape.Rows);
        json.WriteNumber("outputs", product.Shape.Outputs);
        json.WriteNumber("inputs", product.Shape.Inputs);
        json.WriteNumber("seconds", product.Seconds);
        json.WriteString("bound", product.IsReading ? "reading" : "arithmetic");
        json.WriteNumber("share", Math.Round(product.Share, 4));
        if (product.Speedup is double speedup)
            json.WriteNumber("speedup", Math.Round(speedup, 4));
    });
}
