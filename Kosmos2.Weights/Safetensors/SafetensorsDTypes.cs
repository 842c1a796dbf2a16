using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>The format's names of element types.</summary>
internal static class SafetensorsDTypes
{
    /// <summary>Types of the format that are known and not supported, for an error that tells them from nonsense.</summary>
    private static readonly string[] Unsupported =
    [
        "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4", "U16", "U32", "U64", "C64",
    ];

    /// <summary>Reads a name; false when there is no such type here.</summary>
    public static bool TryParse(string name, out DType type)
    {
        DType? found = name switch
        {
            "F64" => DType.F64,
            "F32" => DType.F32,
            "F16" => DType.F16,
            "BF16" => DType.BF16,
            "I64" => DType.I64,
            "I32" => DType.I32,
            "I16" => DType.I16,
            "I8" => DType.I8,
            "U8" => DType.U8,
            "BOOL" => DType.Bool,
            _ => null,
        };
        type = found.GetValueOrDefault();
        return found.HasValue;
    }

    /// <summary>The name of a type.</summary>
    public static string NameOf(DType type) => type == DType.Bool ? "BOOL" : type.ToString();

    /// <summary>Whether the name is one of the format's that this library does not read.</summary>
    public static bool IsKnownButUnsupported(string name) => Array.IndexOf(Unsupported, name) >= 0;
}
