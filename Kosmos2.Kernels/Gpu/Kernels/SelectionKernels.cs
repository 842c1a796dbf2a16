using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>ids[i] = the first t with the largest logits[i, t] among those that are not banned; -1 when all are.</summary>
internal static class SelectionKernels
{
    /// <summary>A group of <see cref="IlgpuDevices.GroupSize"/> threads for each output.</summary>
    public static void Select(ArrayView<float> logits, ArrayView<int> banStarts, ArrayView<int> bans, ArrayView<int> ids, int vocabulary)
    {
        ArrayView<float> values = SharedMemory.Allocate<float>(IlgpuDevices.GroupSize);
        ArrayView<int> tokens = SharedMemory.Allocate<int>(IlgpuDevices.GroupSize);
        int thread = Group.IdxX;
        int output = Grid.IdxX;
        int start = output * vocabulary;
        int best = -1;
        float value = 0;
        for (int t = thread; t < vocabulary; t += IlgpuDevices.GroupSize)
        {
            // Bans are only looked up for a token that would win, which is rare.
            float logit = logits[start + t];
            float candidate = float.IsNaN(logit) ? float.NegativeInfinity : logit;
            if ((best < 0 || candidate > value) && !IsBanned(bans, banStarts[output], banStarts[output + 1], t))
            {
                best = t;
                value = candidate;
            }
        }
        tokens[thread] = best;
        values[thread] = value;
        Group.Barrier();

        for (int half = IlgpuDevices.GroupSize / 2; half > 0; half /= 2)
        {
            if (thread < half)
            {
                int other = tokens[thread + half];
                int mine = tokens[thread];
                bool larger = values[thread + half] > values[thread];
                bool equal = values[thread + half] == values[thread];
                if (other >= 0 && (mine < 0 || larger || (equal && other < mine)))
                {
                    tokens[thread] = other;
                    values[thread] = values[thread + half];
                }
            }
            Group.Barrier();
        }
        if (thread == 0)
            ids[output] = tokens[0];
    }

    private static bool IsBanned(ArrayView<int> bans, int start, int end, int token)
    {
        bool found = false;
        for (int i = start; i < end; i++)
            found |= bans[i] == token;
        return found;
    }
}
