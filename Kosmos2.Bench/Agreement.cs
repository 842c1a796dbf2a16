using System.Globalization;

namespace Kosmos2.Bench;

/// <summary>Whether two sides computed the same: no time counts before that.</summary>
internal static class Agreement
{
    /// <summary>Compares results as a whole: the size of the difference as a part of the size of <paramref name="theirs"/> (L2).</summary>
    /// <exception cref="InvalidOperationException">It is more than <paramref name="allowed"/>.</exception>
    public static void Check(string what, string peer, ReadOnlySpan<float> ours, ReadOnlySpan<float> theirs, double allowed)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < ours.Length; i++)
        {
            difference += (ours[i] - theirs[i]) * (double)(ours[i] - theirs[i]);
            size += theirs[i] * (double)theirs[i];
        }
        double relative = Math.Sqrt(difference / size);
        if (!(relative <= allowed))
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{what}: off by {relative:0.0e+0} of {peer}'s result, {allowed:0.0e+0} is allowed"));
    }
}
