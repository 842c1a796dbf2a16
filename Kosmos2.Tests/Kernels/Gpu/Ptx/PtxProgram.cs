using System.Globalization;
using System.Text.RegularExpressions;

namespace Kosmos2.Tests.Kernels.Gpu.Ptx;

/// <summary>Something that a PTX text does and that would be undefined, wrong or refused on a device.</summary>
internal sealed class PtxFault(string message) : Exception(message);

/// <summary>An operand: a register, a number, an address (a register or a symbol, and an offset), or several registers.</summary>
internal sealed record PtxOperand(string Text, int Register, ulong Number, PtxOperand[] Group)
{
    public bool IsRegister => Register >= 0;
}

/// <summary>An instruction, with the predicate that guards it and, for a branch, where it goes.</summary>
internal sealed record PtxInstruction(string Name, int Guard, bool Negated, PtxOperand[] Operands, string Text)
{
    /// <summary>Where a branch goes.</summary>
    public int Target { get; set; } = -1;

    /// <summary>What it computes from a thread's registers, if that is all it does.</summary>
    public Func<ulong, ulong, ulong, ulong>? Operation { get; } = PtxArithmetic.Of(Name);
}

/// <summary>A kernel's text, read. It knows the language as far as our kernels use it and refuses the rest.</summary>
internal sealed partial class PtxProgram
{
    private readonly Dictionary<string, int> _labels = [];
    private readonly Dictionary<string, int> _registers = [];

    private PtxProgram(string text)
    {
        Name = EntryPattern().Match(text).Groups[1].Value;
        Parameters = [.. ParameterPattern().Matches(text).Select(match => (match.Groups[2].Value, match.Groups[1].Value))];
        Threads = int.Parse(ThreadsPattern().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
        Cluster = ClusterPattern().Match(text) is { Success: true } cluster ? int.Parse(cluster.Groups[1].Value, CultureInfo.InvariantCulture) : 1;
        string body = text[(text.IndexOf('{', StringComparison.Ordinal) + 1)..text.LastIndexOf('}')];
        foreach (string line in body.Split('\n').Select(l => l.Split("//")[0].Trim()).Where(l => l.Length > 0))
            Line(line);
        foreach (PtxInstruction branch in Instructions.Where(i => i.Name == "bra"))
            branch.Target = _labels.TryGetValue(branch.Operands[0].Text, out int target) ? target : throw new PtxFault($"no label for {branch.Text}");
    }

    public string Name { get; }

    /// <summary>Names and types, in order.</summary>
    public IReadOnlyList<(string Name, string Type)> Parameters { get; }

    public int Threads { get; }

    /// <summary>Blocks of a cluster, neighbours in y.</summary>
    public int Cluster { get; }

    public List<PtxInstruction> Instructions { get; } = [];

    public int RegisterCount => _registers.Count;

    public static PtxProgram Parse(string text) => new(text);

    [GeneratedRegex(@"\.entry (\w+)\(")]
    private static partial Regex EntryPattern();

    [GeneratedRegex(@"\.param \.(\w+) (\w+)")]
    private static partial Regex ParameterPattern();

    [GeneratedRegex(@"\.maxntid (\d+)")]
    private static partial Regex ThreadsPattern();

    [GeneratedRegex(@"\.reqnctapercluster 1, (\d+), 1")]
    private static partial Regex ClusterPattern();

    [GeneratedRegex(@"^\.reg \.\w+ (%[a-z]+)<(\d+)>;$")]
    private static partial Regex RegistersPattern();

    [GeneratedRegex(@"^(?:@(!?)(%\w+) )?([\w.:]+)(?: (.*))?;$")]
    private static partial Regex InstructionPattern();

    // Commas outside of brackets and braces.
    [GeneratedRegex(@",\s*(?![^\[{]*[\]}])")]
    private static partial Regex CommaPattern();

    [GeneratedRegex(@"^\[([%\w]+)(?:\+(\d+))?\]$")]
    private static partial Regex AddressPattern();

    private void Line(string line)
    {
        if (RegistersPattern().Match(line) is { Success: true } declared)
        {
            for (int i = 0; i < int.Parse(declared.Groups[2].Value, CultureInfo.InvariantCulture); i++)
                _registers.Add(string.Create(CultureInfo.InvariantCulture, $"{declared.Groups[1].Value}{i}"), _registers.Count);
        }
        else if (line.EndsWith(':'))
        {
            _labels.Add(line[..^1], Instructions.Count);
        }
        else
        {
            Match match = InstructionPattern().Match(line);
            if (!match.Success)
                throw new PtxFault($"not an instruction: {line}");
            PtxOperand[] operands = match.Groups[4].Success ? [.. CommaPattern().Split(match.Groups[4].Value).Select(Operand)] : [];
            int guard = match.Groups[2].Success ? _registers[match.Groups[2].Value] : -1;
            Instructions.Add(new PtxInstruction(match.Groups[3].Value, guard, match.Groups[1].Value == "!", operands, line));
        }
    }

    private PtxOperand Operand(string text)
    {
        if (text.StartsWith('{'))
            return new PtxOperand(text, -1, 0, [.. text[1..^1].Split(", ").Select(Operand)]);
        if (AddressPattern().Match(text) is { Success: true } address)
            return Operand(address.Groups[1].Value) with { Number = address.Groups[2].Success ? ulong.Parse(address.Groups[2].Value, CultureInfo.InvariantCulture) : 0 };
        if (_registers.TryGetValue(text, out int register))
            return new PtxOperand(text, register, 0, []);
        if (text.StartsWith("0f", StringComparison.Ordinal))
            return new PtxOperand(text, -1, ulong.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture), []);
        bool number = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value);
        if (!number && text.StartsWith('%') && text is not ("%tid.x" or "%ctaid.x" or "%ctaid.y" or "%ctaid.z"))
            throw new PtxFault($"register {text} is not declared");
        return new PtxOperand(text, -1, (ulong)value, []);
    }
}
