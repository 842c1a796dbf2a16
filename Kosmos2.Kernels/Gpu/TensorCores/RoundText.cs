using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Writes the kernel that rounds F32 to 16 bits, to nearest, eight at a time: a matmul's rows on their way in.</summary>
internal static class RoundText
{
    /// <summary>Elements that a thread rounds.</summary>
    public const int PerThread = 8;

    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    /// <summary>The kernel's name: <c>round_bf16</c>.</summary>
    public static string Name(DType type) => $"round_{MatmulText.Suffix(type)}";

    /// <summary>The kernel's text. Parameters: source, destination, count of groups of eight; both begin at multiples of 16 bytes.</summary>
    public static string Write(DType type, PtxTarget target)
    {
        var text = new PtxText(Name(type), target, Threads);
        string source = text.Pointer(), destination = text.Pointer(), count = text.Parameter("s32");
        string index = text.B32("mad.lo.u32", text.B32("mov.u32", "%ctaid.x"), Threads, text.B32("mov.u32", "%tid.x"));
        string beyond = text.Predicate("setp.ge.u32", index, count);
        text.When(beyond, "ret");
        string from = text.B64("mad.wide.u32", index, PerThread * sizeof(float), source);
        string to = text.B64("mad.wide.u32", index, PerThread * sizeof(ushort), destination);
        string[] x = text.Registers("f", PerThread);
        text.Do("ld.global.nc.v4.f32", Group(x[..4]), At(from));
        text.Do("ld.global.nc.v4.f32", Group(x[4..]), At(from, 4 * sizeof(float)));
        string[] rounded = [.. x.Chunk(2).Select(pair => text.RoundedPair(MatmulText.Suffix(type), pair[0], pair[1]))];
        text.Do("st.global.v4.b32", At(to), Group(rounded));
        text.Do("ret");
        return text.ToString();
    }
}
