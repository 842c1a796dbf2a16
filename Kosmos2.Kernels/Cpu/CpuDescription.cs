using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Kosmos2.Kernels.Cpu;

/// <summary>What this machine's processor says about itself.</summary>
internal static class CpuDescription
{
    /// <summary>As in <c>Intel(R) Xeon(R) Platinum 8481C, family 6 model 143, 2 logical processors</c>.</summary>
    public static string Name
    {
        get
        {
            string processors = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} logical processors");
            return X86Base.IsSupported ? $"{Brand()}, {Family()}, {processors}" : $"{RuntimeInformation.ProcessArchitecture}, {processors}";
        }
    }

    /// <summary>The instruction sets that matter here, those that .NET can see.</summary>
    public static string InstructionSets
    {
        get
        {
            (string Name, bool Present)[] sets =
            [
                ("SSE4.2", Sse42.IsSupported), ("AVX", Avx.IsSupported), ("AVX2", Avx2.IsSupported), ("FMA", Fma.IsSupported),
                ("AVX-VNNI", AvxVnni.IsSupported), ("AVX-512F", Avx512F.IsSupported), ("AVX-512BW", Avx512BW.IsSupported),
                ("AVX-512VBMI", Avx512Vbmi.IsSupported),
                ("NEON", AdvSimd.IsSupported), ("dot product", Dp.IsSupported),
            ];
            return string.Join(' ', sets.Where(set => set.Present).Select(set => set.Name));
        }
    }

    // CPUID leaves 80000002h to 80000004h: 48 characters.
    private static string Brand()
    {
        Span<byte> name = stackalloc byte[48];
        for (int leaf = 0; leaf < 3; leaf++)
        {
            (int a, int b, int c, int d) = X86Base.CpuId(unchecked((int)0x80000002) + leaf, 0);
            BinaryPrimitives.WriteInt32LittleEndian(name[(16 * leaf)..], a);
            BinaryPrimitives.WriteInt32LittleEndian(name[((16 * leaf) + 4)..], b);
            BinaryPrimitives.WriteInt32LittleEndian(name[((16 * leaf) + 8)..], c);
            BinaryPrimitives.WriteInt32LittleEndian(name[((16 * leaf) + 12)..], d);
        }
        return Encoding.ASCII.GetString(name).Trim('\0', ' ');
    }

    // CPUID leaf 1: family and model, each with an extension that counts for some families.
    private static string Family()
    {
        int signature = X86Base.CpuId(1, 0).Eax;
        int family = (signature >> 8) & 0xF, model = (signature >> 4) & 0xF;
        if (family is 6 or 15)
            model |= (signature >> 12) & 0xF0;
        if (family == 15)
            family += (signature >> 20) & 0xFF;
        return string.Create(CultureInfo.InvariantCulture, $"family {family} model {model}");
    }
}
