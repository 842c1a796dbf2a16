namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>What instructions compute that look at one thread's registers only. Values are bits; a float is in the lower 32.</summary>
internal static class PtxArithmetic
{
    private static readonly Dictionary<string, Func<ulong, ulong, ulong, ulong>> Integers = new()
    {
        ["mov.u32"] = (a, _, _) => a,
        ["mov.b64"] = (a, _, _) => a,
        ["mov.b32"] = (a, _, _) => a,
        ["mov.f32"] = (a, _, _) => a,
        ["cvta.to.global.u64"] = (a, _, _) => a,
        ["cvt.u64.u32"] = (a, _, _) => a,
        ["cvt.s64.s32"] = (a, _, _) => (ulong)(int)a,
        ["add.s32"] = (a, b, _) => (uint)(a + b),
        ["add.u32"] = (a, b, _) => (uint)(a + b),
        ["sub.s32"] = (a, b, _) => (uint)(a - b),
        ["sub.u32"] = (a, b, _) => (uint)(a - b),
        ["mul.lo.s32"] = (a, b, _) => (uint)(a * b),
        ["mul.lo.u32"] = (a, b, _) => (uint)(a * b),
        ["mad.lo.u32"] = (a, b, c) => (uint)((a * b) + c),
        ["mul.lo.s64"] = (a, b, _) => a * b,
        ["mul.wide.s32"] = (a, b, _) => (ulong)((long)(int)a * (int)b),
        ["mul.wide.u32"] = (a, b, _) => (ulong)(uint)a * (uint)b,
        ["mad.wide.s32"] = (a, b, c) => (ulong)((long)(int)a * (int)b) + c,
        ["mad.wide.u32"] = (a, b, c) => ((ulong)(uint)a * (uint)b) + c,
        ["div.u32"] = (a, b, _) => (uint)a / (uint)b,
        ["rem.u32"] = (a, b, _) => (uint)a % (uint)b,
        ["min.s32"] = (a, b, _) => (uint)Math.Min((int)a, (int)b),
        ["min.u32"] = (a, b, _) => Math.Min((uint)a, (uint)b),
        ["and.b32"] = (a, b, _) => (uint)(a & b),
        ["and.b64"] = (a, b, _) => a & b,
        ["and.pred"] = (a, b, _) => a & b,
        ["or.b64"] = (a, b, _) => a | b,
        ["or.b32"] = (a, b, _) => (uint)(a | b),
        ["prmt.b32"] = Permuted,
        ["xor.b32"] = (a, b, _) => (uint)(a ^ b),
        ["shr.u32"] = (a, b, _) => (uint)a >> (int)b,
        ["shl.b32"] = (a, b, _) => (uint)a << (int)b,
        ["shl.b64"] = (a, b, _) => a << (int)b,
        ["add.s64"] = (a, b, _) => a + b,
        ["selp.u32"] = (a, b, c) => c != 0 ? a : b,
        ["selp.b64"] = (a, b, c) => c != 0 ? a : b,
        ["mapa.shared::cluster.u32"] = (a, b, _) => PtxCluster.Address((uint)a, (int)b),
        ["selp.f32"] = (a, b, c) => c != 0 ? a : b,
        ["cvt.f32.f16"] = (a, _, _) => Bits((float)BitConverter.UInt16BitsToHalf((ushort)a)),
        ["cvt.rn.f32.u32"] = (a, _, _) => Bits((uint)a),
        ["cvt.rni.s32.f32"] = (a, _, _) => (uint)Rounded(Float(a)),
        ["cvt.pack.sat.s8.s32.b32"] = (a, b, c) => (uint)((c << 16) | (Saturated(a) << 8) | Saturated(b)),
        ["cvt.rn.bf16x2.f32"] = (a, b, _) => (BFloat16(a) << 16) | BFloat16(b),
        ["cvt.rn.f16x2.f32"] = (a, b, _) => (Float16(a) << 16) | Float16(b),
    };

    private static readonly Dictionary<string, Func<float, float, float, float>> Floats = new()
    {
        ["add.f32"] = (a, b, _) => a + b,
        ["sub.f32"] = (a, b, _) => a - b,
        ["mul.f32"] = (a, b, _) => a * b,
        ["fma.rn.f32"] = MathF.FusedMultiplyAdd,
        ["div.rn.f32"] = (a, b, _) => a / b,
        ["max.NaN.f32"] = (a, b, _) => MathF.Max(a, b),
        ["div.approx.f32"] = (a, b, _) => a / b,
        ["rcp.approx.f32"] = (a, _, _) => 1 / a,
        ["ex2.approx.f32"] = (a, _, _) => (float)Math.Pow(2, a),
        ["rcp.approx.ftz.f32"] = (a, _, _) => Flushed(1 / Flushed(a)),
        ["ex2.approx.ftz.f32"] = (a, _, _) => Flushed((float)Math.Pow(2, Flushed(a))),
        ["sqrt.rn.f32"] = (a, _, _) => MathF.Sqrt(a),
        ["abs.f32"] = (a, _, _) => MathF.Abs(a),
        ["min.f32"] = (a, b, _) => MathF.Min(a, b),
        ["max.f32"] = (a, b, _) => MathF.Max(a, b),
    };

    /// <summary>The function of an instruction, or null for one of another kind.</summary>
    public static Func<ulong, ulong, ulong, ulong>? Of(string name)
    {
        if (Integers.TryGetValue(name, out Func<ulong, ulong, ulong, ulong>? integers))
            return integers;
        if (Floats.TryGetValue(name, out Func<float, float, float, float>? floats))
            return (a, b, c) => Bits(floats(Float(a), Float(b), Float(c)));
        return name.Split('.') is ["setp", var relation, var type] ? Comparison(relation, type) : null;
    }

    public static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    public static ulong Bits(float value) => BitConverter.SingleToUInt32Bits(value);

    // What is too small for a normal number is zero.
    private static float Flushed(float value) => MathF.Abs(value) < 1.17549435e-38f ? 0 : value;

    // Halves to even; NaN becomes 0.
    private static int Rounded(float value) => float.IsNaN(value) ? 0 : (int)Math.Clamp(Math.Round((double)value, MidpointRounding.ToEven), int.MinValue, int.MaxValue);

    private static ulong Saturated(ulong bits) => (byte)(sbyte)Math.Clamp((int)bits, sbyte.MinValue, sbyte.MaxValue);

    // Four bytes, each chosen from the eight of b and a by four bits.
    private static ulong Permuted(ulong a, ulong b, ulong selector)
    {
        ulong bytes = ((ulong)(uint)b << 32) | (uint)a, result = 0;
        for (int i = 0; i < 4; i++)
            result |= ((bytes >> (8 * (int)((selector >> (4 * i)) & 7))) & 0xff) << (8 * i);
        return result;
    }

    // To nearest, ties to even.
    private static ulong BFloat16(ulong bits)
    {
        uint value = (uint)bits;
        return float.IsNaN(Float(bits)) ? 0x7fff : (value + 0x7fff + ((value >> 16) & 1)) >> 16;
    }

    private static ulong Float16(ulong bits) => BitConverter.HalfToUInt16Bits((Half)Float(bits));

    private static Func<ulong, ulong, ulong, ulong>? Comparison(string relation, string type)
    {
        Func<ulong, ulong, int>? order = type switch
        {
            "s32" => (a, b) => ((int)a).CompareTo((int)b),
            "u32" => (a, b) => ((uint)a).CompareTo((uint)b),
            "u64" => (a, b) => a.CompareTo(b),
            "f32" => (a, b) => Float(a).CompareTo(Float(b)),
            _ => null,
        };
        Func<int, bool>? holds = relation switch
        {
            "lt" => sign => sign < 0,
            "le" => sign => sign <= 0,
            "gt" => sign => sign > 0,
            "ge" => sign => sign >= 0,
            "eq" => sign => sign == 0,
            "ne" => sign => sign != 0,
            _ => null,
        };
        if (order is null || holds is null)
            return null;
        // Nothing holds of a NaN.
        return (a, b, _) => !(type == "f32" && (float.IsNaN(Float(a)) || float.IsNaN(Float(b)))) && holds(order(a, b)) ? 1UL : 0;
    }
}
