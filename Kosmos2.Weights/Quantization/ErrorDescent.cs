namespace Kosmos2.Weights;

/// <summary>
/// Moves the integers of a row, one at a time, to where the layer's output errs least on the inputs it is given: coordinate descent on e^T C e, where e is
/// what rounding took from the weights and C the covariance of the inputs. An integer may end further from its weight if that makes up for its
/// neighbours' errors; scales are fitted to the integers in between. The error never grows.
/// </summary>
/// <remarks>
/// The objective is that of GPTQ (Frantar et al., 2022), its minimisation that of QuantEase (Behdin et al., 2023), which needs no inverse of C.
/// </remarks>
internal sealed class ErrorDescent
{
    private const int Rounds = 3;
    private const int MaxSweeps = 10;

    // Added to each variance, as a share of the mean one: a few pictures do not show all that inputs do.
    private const float Damping = 0.1f;

    private readonly float[][] _blocks;
    private readonly float _lowest;
    private readonly float _highest;
    private readonly int _bits;
    private readonly int _groupSize;

    /// <summary>Prepares for the rows of a weight.</summary>
    /// <param name="inputs">What the layer is given.</param>
    /// <param name="bits">8 or 4.</param>
    /// <param name="groupSize">Weights that share a scale: a divisor of the block's size, or a whole row.</param>
    public ErrorDescent(InputStatistics inputs, int bits, int groupSize)
    {
        (_lowest, _highest) = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        _bits = bits;
        _groupSize = groupSize;
        _blocks = [.. inputs.Covariance.Select((block, i) => Damped(block, InputStatistics.WidthOf(i, inputs.Mean.Count)))];
    }

    /// <summary>Improves a row in place.</summary>
    /// <param name="weights">[in].</param>
    /// <param name="integers">[in].</param>
    /// <param name="scales">[groups].</param>
    /// <param name="slopes">[in] to work in.</param>
    public void Improve(ReadOnlySpan<float> weights, Span<sbyte> integers, Span<float> scales, Span<float> slopes)
    {
        for (int round = 0; round < Rounds; round++)
        {
            if (round > 0)
                FitScales(integers, scales, slopes);
            for (int b = 0; b < _blocks.Length; b++)
            {
                int start = b * InputStatistics.BlockSize, width = InputStatistics.WidthOf(b, weights.Length);
                Measure(b, start, weights.Slice(start, width), integers, scales, slopes.Slice(start, width));
                Descend(b, start, integers.Slice(start, width), scales, slopes.Slice(start, width));
            }
        }
    }

    /// <summary>slopes = C e, half of the objective's derivative by each weight.</summary>
    private void Measure(int block, int start, ReadOnlySpan<float> weights, ReadOnlySpan<sbyte> integers, ReadOnlySpan<float> scales, Span<float> slopes)
    {
        slopes.Clear();
        for (int i = 0; i < weights.Length; i++)
            RowSums.Add(weights[i] - (integers[start + i] * scales[(start + i) / _groupSize]), RowOf(block, i, weights.Length), slopes);
    }

    // With all others fixed, weight i errs least at e[i] - slope[i] / C[i, i]: that is so many steps of its scale away.
    private void Descend(int block, int start, Span<sbyte> integers, ReadOnlySpan<float> scales, Span<float> slopes)
    {
        bool moved = true;
        for (int sweep = 0; moved && sweep < MaxSweeps; sweep++)
        {
            moved = false;
            for (int i = 0; i < integers.Length; i++)
            {
                ReadOnlySpan<float> row = RowOf(block, i, integers.Length);
                float scale = scales[(start + i) / _groupSize];
                float wanted = Math.Clamp(MathF.Round(integers[i] + (slopes[i] / (row[i] * scale))), _lowest, _highest);
                if (wanted == integers[i])
                    continue;
                RowSums.Add((integers[i] - wanted) * scale, row, slopes);
                integers[i] = (sbyte)wanted;
                moved = true;
            }
        }
    }

    // A scale that moves by t takes t q from the group's errors, whose measure grows by t (t q^T C q - 2 q^T C e): least at t = q^T C e / q^T C q.
    private void FitScales(ReadOnlySpan<sbyte> integers, Span<float> scales, ReadOnlySpan<float> slopes)
    {
        Span<float> group = stackalloc float[InputStatistics.BlockSize];
        for (int g = 0; g < scales.Length; g++)
        {
            double products = 0, squares = 0;
            int end = Math.Min((g + 1) * _groupSize, integers.Length);

            // The part of the group in each block that it touches.
            for (int first = g * _groupSize, next; first < end; first = next)
            {
                int block = first / InputStatistics.BlockSize, start = block * InputStatistics.BlockSize;
                int width = InputStatistics.WidthOf(block, integers.Length);
                next = Math.Min(end, start + width);
                Span<float> part = group[..(next - first)];
                for (int i = 0; i < part.Length; i++)
                    part[i] = integers[first + i];
                products += RowSums.Dot(part, slopes[first..next]);
                for (int i = 0; i < part.Length; i++)
                    squares += part[i] * RowSums.Dot(part, RowOf(block, first - start + i, width).Slice(first - start, part.Length));
            }
            float fitted = ScaleSearch.Storable(scales[g] + (float)(products / squares), _bits);
            double moved = (double)fitted - scales[g];
            if (float.IsNormal(fitted) && moved * ((moved * squares) - (2 * products)) < 0)
                scales[g] = fitted;
        }
    }

    private ReadOnlySpan<float> RowOf(int block, int row, int width) => _blocks[block].AsSpan(row * width, width);

    private static float[] Damped(float[] covariance, int width)
    {
        float[] damped = [.. covariance];
        float sum = 0;
        for (int i = 0; i < width; i++)
            sum += covariance[i * (width + 1)];

        // Inputs that never vary count all the same.
        float added = sum > 0 ? sum / width * Damping : 1;
        for (int i = 0; i < width; i++)
            damped[i * (width + 1)] += added;
        return damped;
    }
}
