namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>What instructions compute that look at one thread's registers only. Values are bits; a float is in the lower 32.</summary>
internal static class PtxArithmetic
{
    /// <summary>The result, or null for an instruction of another kind.</summary>
    public static ulong? Evaluate(string name, ulong a, ulong b, ulong c) => name switch
    {
        "mov.u32" or "mov.b32" or "mov.f32" or "cvta.to.global.u64" or "cvt.u64.u32" => a,
        "cvt.s64.s32" => (ulong)(int)a,
        "add.s32" or "add.u32" => (uint)(a + b),
        "sub.s32" or "sub.u32" => (uint)(a - b),
        "mul.lo.s32" or "mul.lo.u32" => (uint)(a * b),
        "mad.lo.u32" or "mad.lo.s32" => (uint)((a * b) + c),
        "mul.wide.s32" => (ulong)((long)(int)a * (int)b),
        "mul.wide.u32" => (ulong)(uint)a * (uint)b,
        "mad.wide.s32" => (ulong)((long)(int)a * (int)b) + c,
        "mad.wide.u32" => ((ulong)(uint)a * (uint)b) + c,
        "div.u32" => (uint)a / (uint)b,
        "rem.u32" => (uint)a % (uint)b,
        "min.s32" => (uint)Math.Min((int)a, (int)b),
        "min.u32" => Math.Min((uint)a, (uint)b),
        "and.b32" => (uint)(a & b),
        "and.pred" or "and.b64" => a & b,
        "or.b64" => a | b,
        "xor.b32" => a ^ b,
        "shr.u32" => (uint)a >> (int)b,
        "shl.b64" => a << (int)b,
        "shl.b32" => (uint)a << (int)b,
        "cvt.f32.f16" => Bits((float)BitConverter.UInt16BitsToHalf((ushort)a)),
        "add.s64" => a + b,
        "selp.u32" or "selp.f32" => c != 0 ? a : b,
        "cvt.rn.bf16x2.f32" => (BFloat16(a) << 16) | BFloat16(b),
        "cvt.rn.f16x2.f32" => ((ulong)BitConverter.HalfToUInt16Bits((Half)Float(a)) << 16) | BitConverter.HalfToUInt16Bits((Half)Float(b)),
        _ when name.StartsWith("setp.", StringComparison.Ordinal) => Compare(name, a, b) ? 1UL : 0,
        _ => EvaluateFloat(name, Float(a), Float(b), Float(c)) is { } value ? Bits(value) : null,
    };

    public static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    public static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    // To nearest, ties to even.
    private static ulong BFloat16(ulong bits)
    {
        uint value = (uint)bits;
        return float.IsNaN(Float(bits)) ? 0x7fff : (value + 0x7fff + ((value >> 16) & 1)) >> 16;
    }

    private static float? EvaluateFloat(string name, float a, float b, float c) => name switch
    {
        "add.f32" => a + b,
        "sub.f32" => a - b,
        "mul.f32" => a * b,
        "fma.rn.f32" => MathF.FusedMultiplyAdd(a, b, c),
        "div.approx.f32" => a / b,
        "rcp.approx.f32" => 1 / a,
        "ex2.approx.f32" => (float)Math.Pow(2, a),
        "abs.f32" => MathF.Abs(a),
        "min.f32" => MathF.Min(a, b),
        "max.f32" => MathF.Max(a, b),
        _ => null,
    };

    private static bool Compare(string name, ulong a, ulong b)
    {
        string[] parts = name.Split('.');
        int order = parts[2] switch
        {
            "s32" => ((int)a).CompareTo((int)b),
            "u32" => ((uint)a).CompareTo((uint)b),
            "u64" => a.CompareTo(b),
            "f32" => Float(a).CompareTo(Float(b)),
            _ => throw new PtxFault($"unknown instruction {name}"),
        };
        return parts[1] switch
        {
            "lt" => order < 0,
            "le" => order <= 0,
            "gt" => order > 0,
            "ge" => order >= 0,
            "eq" => order == 0,
            "ne" => order != 0,
            _ => throw new PtxFault($"unknown instruction {name}"),
        };
    }
}
