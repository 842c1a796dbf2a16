namespace Kosmos2.Engine.Validation;

/// <summary>Counts the cases of a file.</summary>
internal sealed class Tally(string file)
{
    private readonly List<CaseResult> _differences = [];
    private int _total;

    /// <summary>Adds a case.</summary>
    /// <param name="name">The case.</param>
    /// <param name="difference">What differs first, or null.</param>
    public void Add(string name, string? difference)
    {
        _total++;
        if (difference is not null)
            _differences.Add(new CaseResult(name, false, difference));
    }

    /// <summary>The file's result.</summary>
    /// <param name="notCompared">What was left out and why, or null.</param>
    public ParityResult Result(string? notCompared = null) => new(file, _total - _differences.Count, _total, _differences, notCompared);

    /// <summary>The result of a file of which nothing can be compared.</summary>
    public static ParityResult None(string file, string why) => new(file, 0, 0, [], why);
}
