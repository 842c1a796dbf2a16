namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>
/// What measured numbers say of a limit and of what ran beside it: one rule for products and for models, in the command as in the benchmarks.
/// </summary>
internal static class ShareRule
{
    /// <summary>
    /// How far two measurements of one speed lie apart: three steps of frequency of a processor with turbo. The best time and the best limit come from different moments, so a
    /// share may pass 1 by this much.
    /// </summary>
    public const double Tolerance = 0.03;

    // Other programs seldom take the cores for so many measurements on end.
    private const int Tries = 4;

    /// <summary>Whether something was faster than its limit: then one of the two is counted or measured wrongly. A share that is no number is wrong too, none is not.</summary>
    public static bool IsImpossible(double? share) => share is double part && !(part <= 1 + Tolerance);

    /// <summary>Whether a share is less than half of what is stated: more than other programs take from a kernel. Where nothing is stated, nothing is too slow.</summary>
    public static bool IsTooSlow(double share, double? stated) => stated is double least && !(share >= least / 2);

    /// <summary>
    /// Whether so many instructions a cycle are a core's own speed: it does a whole number of them a cycle, or one in a whole number of cycles. Less means that other programs had
    /// their part of it.
    /// </summary>
    public static bool IsWhole(double perCycle)
    {
        double whole = perCycle >= 1 ? Math.Round(perCycle) : 1 / Math.Round(1 / perCycle);
        return perCycle > 0 && Math.Abs(perCycle - whole) <= Tolerance * perCycle;
    }

    /// <summary>Measures again while what there is was disturbed, a few times at most: best times and best limits only become truer.</summary>
    /// <param name="disturbed">Whether what has been measured cannot be the machine's own.</param>
    /// <param name="measure">Measures again.</param>
    public static void Repeat(Func<bool> disturbed, Action measure)
    {
        for (int i = 0; i < Tries && disturbed(); i++)
            measure();
    }
}
