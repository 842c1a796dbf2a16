namespace Kosmos2.Kernels;

/// <summary>
/// Which tokens an output may become, and what <see cref="IBackend.SelectTokens"/> tells of the one that was chosen besides its id. By default any may come
/// and nothing is told.
/// </summary>
/// <param name="Classes">Bit c: tokens of class c of the <see cref="TokenClasses"/> may come. 0: all tokens may, wherever in the grid.</param>
/// <param name="LeastColumn">Cells of the grid left of this column may not come.</param>
/// <param name="LeastRow">Cells of the grid above this row may not come.</param>
/// <param name="Reading">What is told.</param>
/// <param name="Place">Where that begins, in numbers behind the ids.</param>
public readonly record struct TokenRule(uint Classes, int LeastColumn, int LeastRow, TokenReading Reading, int Place)
{
    /// <summary>Integers that a rule takes in a table.</summary>
    internal const int Words = 5;

    /// <summary>Whether any token may not come.</summary>
    public bool IsNarrow => Classes != 0;

    /// <summary>Numbers that are told.</summary>
    /// <param name="cells">Cells of the grid; null where there is none, which <see cref="TokenReading.Grid"/> may not meet.</param>
    internal int Numbers(int? cells) => Reading switch
    {
        TokenReading.Probability => 1,
        TokenReading.Grid => cells!.Value,
        _ => 0,
    };

    /// <summary>Whether a token may come.</summary>
    /// <param name="token">The token.</param>
    /// <param name="tokenClass">Its class.</param>
    /// <param name="grid">The grid of the vocabulary.</param>
    internal bool Allows(int token, int tokenClass, TokenGrid grid)
    {
        if (Classes == 0)
            return true;
        int cell = token - grid.First;
        bool inGrid = cell >= 0 && cell < grid.Cells;
        return (Classes >> tokenClass & 1) != 0 && (!inGrid || (cell % grid.Side >= LeastColumn && cell / grid.Side >= LeastRow));
    }
}

/// <summary>What <see cref="IBackend.SelectTokens"/> tells of a token, from the logits as they are, without bans, rule or <see cref="TokenChoice"/>.</summary>
public enum TokenReading
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>One number: its softmax probability. NaN where none was chosen or the logits are no numbers.</summary>
    Probability,

    /// <summary>The logits of all cells of the grid, whichever token was chosen.</summary>
    Grid,
}

/// <summary>A vocabulary by classes, for <see cref="TokenRule"/>s. Some of its tokens, one after another, are the cells of a square grid, row by row.</summary>
/// <param name="Numbers">I8 [vocabulary] each token's class, 0 to 31.</param>
/// <param name="FirstCell">Token of the grid's first cell.</param>
/// <param name="Side">Cells along a side of the grid.</param>
public sealed record TokenClasses(Tensor Numbers, int FirstCell, int Side)
{
    /// <summary>Cells of the grid.</summary>
    public int Cells => Grid.Cells;

    /// <summary>The grid by itself.</summary>
    internal TokenGrid Grid => new(FirstCell, Side);
}

/// <summary>Tokens that are the cells of a square grid.</summary>
/// <param name="First">The first one.</param>
/// <param name="Side">Cells along a side; 0 for no grid.</param>
internal readonly record struct TokenGrid(int First, int Side)
{
    /// <summary>Cells.</summary>
    public int Cells => Side * Side;
}
