using System.Globalization;
using System.Text;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// Writes one kernel in PTX, the assembly language that NVIDIA's driver compiles. Registers are unlimited and typed, and the methods that begin with a
/// register's kind take a new one for the result and give back its name, so that a computation reads as nested expressions. Operands are names of registers,
/// integers and addresses as text.
/// </summary>
/// <param name="name">Name of the entry point.</param>
/// <param name="target">What the text is for.</param>
/// <param name="threads">Threads of a block.</param>
/// <param name="cluster">Blocks of a cluster, which are neighbours in y.</param>
/// <param name="beside">Blocks that a multiprocessor is to have registers for.</param>
internal sealed class PtxText(string name, PtxTarget target, int threads, int cluster = 1, int beside = 1)
{
    private readonly StringBuilder _body = new();
    private readonly List<string> _parameters = [];
    private readonly Dictionary<string, int> _registers = [];
    private int _labels;

    /// <summary>Adds a parameter and reads it.</summary>
    /// <param name="type">u64 for a pointer, s32 for a number.</param>
    /// <returns>The register that holds it.</returns>
    public string Parameter(string type)
    {
        string parameter = $"{name}_{_parameters.Count}";
        _parameters.Add($".param .{type} {parameter}");
        return type == "u64" ? B64($"ld.param.{type}", $"[{parameter}]") : B32($"ld.param.{type}", $"[{parameter}]");
    }

    /// <summary>A pointer parameter as an address in global memory.</summary>
    public string Pointer() => B64("cvta.to.global.u64", Parameter("u64"));

    /// <summary>A new register of a kind: r (32 bits), rd (64 bits), h (16 bits), f (a float), p (a predicate).</summary>
    public string Register(string kind)
    {
        int number = _registers.GetValueOrDefault(kind);
        _registers[kind] = number + 1;
        return string.Create(CultureInfo.InvariantCulture, $"%{kind}{number}");
    }

    /// <summary>Several new registers of a kind.</summary>
    public string[] Registers(string kind, int count) => [.. Enumerable.Range(0, count).Select(_ => Register(kind))];

    /// <summary>An instruction whose result is 32 bits.</summary>
    public string B32(string operation, params object[] operands) => Define("r", operation, operands);

    /// <summary>An instruction whose result is 64 bits.</summary>
    public string B64(string operation, params object[] operands) => Define("rd", operation, operands);

    /// <summary>An instruction whose result is a float.</summary>
    public string F32(string operation, params object[] operands) => Define("f", operation, operands);

    /// <summary>An instruction whose result is a predicate.</summary>
    public string Predicate(string operation, params object[] operands) => Define("p", operation, operands);

    /// <summary>An instruction.</summary>
    public void Do(string operation, params object[] operands) =>
        _body.Append('\t').Append(operation).Append(operands.Length > 0 ? " " : "").AppendJoin(", ", operands.Select(Operand)).Append(";\n");

    /// <summary>An instruction that only threads with the predicate, as in <c>%p1</c> or <c>!%p1</c>, execute.</summary>
    public void When(string predicate, string operation, params object[] operands) => Do($"@{predicate} {operation}", operands);

    /// <summary>Two floats rounded to 16 bits each, to nearest, in one register.</summary>
    /// <param name="suffix">The 16-bit type's: <c>bf16</c> or <c>f16</c>.</param>
    /// <param name="lower">The one for the lower half, which lies first in memory.</param>
    /// <param name="upper">The one for the upper half, the instruction's first operand.</param>
    public string RoundedPair(string suffix, string lower, string upper) => B32($"cvt.rn.{suffix}x2.f32", upper, lower);

    /// <summary>Of so many neighbouring lanes, a power of two, the values taken together by an operation: the same in all of them.</summary>
    public string OverLanes(string operation, string value, int lanes)
    {
        for (int apart = 1; apart < lanes; apart *= 2)
            value = F32(operation, value, F32("shfl.sync.bfly.b32", value, apart, 31, -1));
        return value;
    }

    /// <summary>A label to be placed.</summary>
    public string NewLabel(string purpose) => string.Create(CultureInfo.InvariantCulture, $"{purpose}_{_labels++}");

    /// <summary>Places a label.</summary>
    public void Label(string label) => _body.Append(label).Append(":\n");

    /// <summary>A remark for the reader.</summary>
    public void Remark(string text) => _body.Append("\t// ").Append(text).Append('\n');

    /// <summary>Several registers as one operand: <c>{%r0, %r1}</c>.</summary>
    public static string Group(params string[] registers) => $"{{{string.Join(", ", registers)}}}";

    /// <summary>An address: <c>[%rd1+16]</c>.</summary>
    public static string At(string register, int offset = 0) =>
        offset == 0 ? $"[{register}]" : string.Create(CultureInfo.InvariantCulture, $"[{register}+{offset}]");

    /// <summary>A float constant in PTX's exact form: its bits in hexadecimal.</summary>
    public static string Constant(float value) =>
        string.Create(CultureInfo.InvariantCulture, $"0f{BitConverter.SingleToUInt32Bits(value):X8}");

    /// <summary>The whole text.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $".version {target.Version}\n.target {target}\n.address_size 64\n\n");
        text.Append(CultureInfo.InvariantCulture, $".extern .shared .align 128 .b8 {Shared}[];\n\n");
        text.Append(CultureInfo.InvariantCulture, $".visible .entry {name}(\n\t{string.Join(",\n\t", _parameters)})\n");
        text.Append(CultureInfo.InvariantCulture, $".maxntid {threads}, 1, 1\n");
        if (beside > 1)
            text.Append(CultureInfo.InvariantCulture, $".minnctapersm {beside}\n");
        if (cluster > 1)
            text.Append(CultureInfo.InvariantCulture, $".explicitcluster\n.reqnctapercluster 1, {cluster}, 1\n");
        text.Append("{\n");
        foreach ((string kind, int count) in _registers)
            text.Append(CultureInfo.InvariantCulture, $"\t.reg .{Type(kind)} %{kind}<{count}>;\n");
        return text.Append('\n').Append(_body).Append("}\n").ToString();
    }

    /// <summary>Name of the block's shared memory, whose size is chosen at launch.</summary>
    public const string Shared = "tiles";

    private static string Type(string kind) => kind switch { "r" => "b32", "rd" => "b64", "h" => "b16", "f" => "f32", _ => "pred" };

    private static string Operand(object operand) => Convert.ToString(operand, CultureInfo.InvariantCulture)!;

    private string Define(string kind, string operation, object[] operands)
    {
        string result = Register(kind);
        Do(operation, [result, .. operands]);
        return result;
    }
}
