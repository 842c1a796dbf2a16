namespace Kosmos2.Kernels;

/// <summary>
/// The largest number of each section of a <see cref="StepTable"/>, found once a step, so that every operation checks its tensors against
/// the table in constant time. -1 where a section is empty.
/// </summary>
internal readonly record struct StepBounds
{
    public int TokenIds { get; private init; }

    public int Positions { get; private init; }

    public int GivenRows { get; private init; }

    public int Slots { get; private init; }

    public int Blocks { get; private init; }

    public int Bans { get; private init; }

    public int Penalised { get; private init; }

    /// <summary>The last place behind the ids that a probability is told at.</summary>
    public int ProbabilityPlaces { get; private init; }

    /// <summary>The last place behind the ids at which a grid's logits begin.</summary>
    public int GridPlaces { get; private init; }

    /// <summary>Whether a rule asks for the classes of tokens or their grid.</summary>
    public bool NeedsClasses { get; private init; }

    /// <summary>Sum over the sequences of rows times keys: the elements that one head's probabilities take.</summary>
    public long QueryKeyPairs { get; private init; }

    /// <summary>Reads a table and checks that its sections agree with one another.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    public static StepBounds Of(StepTable table)
    {
        Starts(table.RowStarts, table.RowCount, "row starts");
        Starts(table.BlockStarts, table.Blocks.Length, "block starts");
        Starts(table.BanStarts, table.Bans.Length, "ban starts");
        Starts(table.PenalisedStarts, table.Penalised.Length, "starts of penalised tokens");
        Choices(table.Choices);
        bool needsClasses = Rules(table.Rules, out int probabilityPlaces, out int gridPlaces);
        if (Largest(table.OutputRows, 0, "output row") >= table.RowCount)
            Throw($"an output row lies past the last of {table.RowCount} rows");
        return new StepBounds
        {
            TokenIds = Largest(table.TokenIds, 0, "token id"),
            Positions = Largest(table.Positions, 0, "position"),
            GivenRows = Largest(table.GivenRows, -1, "given row"),
            Slots = Largest(table.Slots, 0, "slot"),
            Blocks = Largest(table.Blocks, 0, "block"),
            Bans = Largest(table.Bans, 0, "ban"),
            Penalised = Largest(table.Penalised, 0, "penalised token"),
            ProbabilityPlaces = probabilityPlaces,
            GridPlaces = gridPlaces,
            NeedsClasses = needsClasses,
            QueryKeyPairs = Sequences(table),
        };
    }

    private static long Sequences(StepTable table)
    {
        long pairs = 0;
        for (int s = 0; s < table.SequenceCount; s++)
        {
            int rows = table.RowStarts[s + 1] - table.RowStarts[s];
            int keys = table.KeyCounts[s];
            long slots = (table.BlockStarts[s + 1] - table.BlockStarts[s]) * (long)KeyValueBlocks.BlockSize;
            if (keys < rows || keys > slots)
                Throw($"sequence {s} has {rows} rows and room for {slots} keys, but counts {keys} keys");
            foreach (int sequence in table.RowSequences[table.RowStarts[s]..table.RowStarts[s + 1]])
            {
                if (sequence != s)
                    Throw($"a row of sequence {s} says that it belongs to sequence {sequence}");
            }
            pairs += (long)rows * keys;
        }
        return pairs;
    }

    private static void Starts(ReadOnlySpan<int> starts, int end, string name)
    {
        for (int i = 1; i < starts.Length; i++)
        {
            if (starts[i] < starts[i - 1])
                Throw($"the {name} of a step descend from {starts[i - 1]} to {starts[i]}");
        }
        if (starts[0] != 0 || starts[^1] != end)
            Throw($"the {name} of a step run from {starts[0]} to {starts[^1]} instead of 0 to {end}");
    }

    private static void Choices(ReadOnlySpan<TokenChoice> choices)
    {
        foreach (TokenChoice choice in choices)
        {
            if (choice.IsDrawn && !(float.IsFinite(choice.Temperature) && choice.TopK >= 1 && choice.Penalty > 0 && float.IsFinite(choice.Penalty)))
                Throw($"a token of a step is to be drawn with {choice}");
        }
    }

    private static bool Rules(ReadOnlySpan<TokenRule> rules, out int probabilityPlaces, out int gridPlaces)
    {
        bool needsClasses = false;
        probabilityPlaces = gridPlaces = -1;
        foreach (TokenRule rule in rules)
        {
            if (rule.Reading is < TokenReading.None or > TokenReading.Grid || rule.Place < 0)
                Throw($"a token of a step is to be read by {rule}");
            needsClasses |= rule.IsNarrow || rule.Reading == TokenReading.Grid;
            if (rule.Reading == TokenReading.Probability)
                probabilityPlaces = Math.Max(probabilityPlaces, rule.Place);
            if (rule.Reading == TokenReading.Grid)
                gridPlaces = Math.Max(gridPlaces, rule.Place);
        }
        return needsClasses;
    }

    private static int Largest(ReadOnlySpan<int> numbers, int least, string name)
    {
        int largest = -1;
        foreach (int number in numbers)
        {
            if (number < least)
                Throw($"a {name} of a step is {number}");
            largest = Math.Max(largest, number);
        }
        return largest;
    }

    private static void Throw(string message) => throw new ArgumentException(message);
}
