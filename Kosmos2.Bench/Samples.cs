namespace Kosmos2.Bench;

/// <summary>Numbers to compute with.</summary>
internal static class Samples
{
    /// <summary>Evenly distributed numbers from -0.5 to 0.5, always the same for a seed.</summary>
    public static float[] Uniform(int seed, int count)
    {
        var random = new Random(seed);
        var values = new float[count];
        foreach (ref float value in values.AsSpan())
            value = random.NextSingle() - 0.5f;
        return values;
    }
}
