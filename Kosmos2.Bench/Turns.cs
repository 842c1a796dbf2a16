using System.Diagnostics;

namespace Kosmos2.Bench;

/// <summary>
/// Things timed in turns. Each turn begins with a pause, in which the other sides' waiting threads go to sleep, and a run that is not counted. The best run of
/// each side counts: everything else the machine does only adds time.
/// </summary>
internal static class Turns
{
    private const int Runs = 4;

    /// <returns>Seconds of the best run of each side.</returns>
    public static double[] Best(int turns, IReadOnlyList<Action> sides)
    {
        double[] best = [.. sides.Select(_ => double.PositiveInfinity)];
        for (int turn = 0; turn < turns; turn++)
        {
            for (int i = 0; i < best.Length; i++)
                best[i] = Math.Min(best[i], Turn(sides[i]));
        }
        return best;
    }

    private static double Turn(Action run)
    {
        Thread.Sleep(20);
        run();
        double best = double.PositiveInfinity;
        for (int i = 0; i < Runs; i++)
            best = Math.Min(best, Seconds(run));
        return best;
    }

    /// <returns>Seconds of one run.</returns>
    public static double Seconds(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
