using System.Text.RegularExpressions;

namespace Kosmos2.Weights;

/// <summary>
/// compressed-tensors' way to name modules: a module's whole name, <c>re:</c> and a pattern that the name's beginning matches, or a class such as
/// <c>Linear</c>.
/// </summary>
internal sealed class ModuleTargets
{
    private const int MaxPatternLength = 1000;

    private readonly (string Text, Regex? Pattern)[] _targets;

    private ModuleTargets((string Text, Regex? Pattern)[] targets) => _targets = targets;

    /// <summary>The targets as they were written.</summary>
    public IEnumerable<string> Names => _targets.Select(t => t.Text);

    /// <summary>Makes targets; null for a list that cannot be read, with the reason.</summary>
    public static ModuleTargets? TryCreate(IEnumerable<string> targets, out string problem)
    {
        const string Prefix = "re:";
        var made = new List<(string Text, Regex? Pattern)>();
        problem = "";
        foreach (string target in targets)
        {
            if (!target.StartsWith(Prefix, StringComparison.Ordinal))
            {
                made.Add((target, null));
                continue;
            }

            try
            {
                // A pattern out of a file must neither be slow nor long.
                string pattern = target.Length <= MaxPatternLength ? target[Prefix.Length..] : throw new ArgumentException("it is too long");
                made.Add((target, new Regex($@"\A(?:{pattern})", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)));
            }
            catch (Exception e) when (e is ArgumentException or NotSupportedException)
            {
                problem = $"holds {Kosmos2FormatException.Quote(target)}, which is no usable pattern: {Kosmos2FormatException.Quote(e.Message)}";
                return null;
            }
        }

        return new ModuleTargets([.. made]);
    }

    /// <summary>How well the targets name a module: 0 not, 1 by its class, 2 by a pattern, 3 by its name.</summary>
    public int Match(string module, string moduleClass)
    {
        int best = 0;
        foreach ((string text, Regex? pattern) in _targets)
        {
            int match = pattern is not null ? (pattern.IsMatch(module) ? 2 : 0) : text == module ? 3 : text == moduleClass ? 1 : 0;
            best = Math.Max(best, match);
        }

        return best;
    }
}
