using System.Globalization;

namespace Kosmos2.Cli.Output;

/// <summary>Bytes for people, in powers of ten.</summary>
internal static class Sizes
{
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1_000_000_000 => Format(bytes / 1e9, "GB"),
        >= 1_000_000 => Format(bytes / 1e6, "MB"),
        >= 1000 => Format(bytes / 1e3, "kB"),
        _ => Format(bytes, "bytes"),
    };

    private static string Format(double value, string unit) => string.Create(CultureInfo.InvariantCulture, $"{value:0.##} {unit}");
}
