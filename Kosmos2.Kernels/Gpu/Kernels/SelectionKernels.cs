using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>ids[i] = the first t with the largest logits[i, t] among those that are not banned; -1 when all are.</summary>
internal static class SelectionKernels
{
    /// <summary>
    /// A group of 64 to <see cref="RowKernels.MostThreads"/> threads for each output. A vocabulary of 65,037 is eight turns of such a group, in each of which eight
    /// loads a thread are under way: about as fast as the group's multiprocessor can be given them, so that sharing an output among groups would gain nothing.
    /// </summary>
    public static void Select(ArrayView<float> logits, ArrayView<int> banStarts, ArrayView<int> bans, ArrayView<int> ids, int vocabulary)
    {
        ArrayView<ulong> shared = SharedMemory.Allocate<ulong>(RowKernels.MostThreads);
        int output = Grid.IdxX;
        int step = Group.DimX;
        int last = vocabulary - 1;
        var banned = new BannedTokens(bans, banStarts[output], banStarts[output + 1]);
        ulong best = 0;
        // Behind the end the last token comes again.
        for (int t = Group.IdxX; t < vocabulary; t += Octet.Count * step)
        {
            Octet logit = Octet.Load(logits, output * vocabulary, t, step, vocabulary);
            best = banned.Better(best, logit.A, t);
            best = banned.Better(best, logit.B, Math.Min(t + step, last));
            best = banned.Better(best, logit.C, Math.Min(t + (2 * step), last));
            best = banned.Better(best, logit.D, Math.Min(t + (3 * step), last));
            best = banned.Better(best, logit.E, Math.Min(t + (4 * step), last));
            best = banned.Better(best, logit.F, Math.Min(t + (5 * step), last));
            best = banned.Better(best, logit.G, Math.Min(t + (6 * step), last));
            best = banned.Better(best, logit.H, Math.Min(t + (7 * step), last));
        }
        best = GroupReduction.Max(shared, best);
        if (Group.IdxX == 0)
            ids[output] = best == 0 ? -1 : TokenEntry.TokenOfLikeliest(best);
    }

    /// <summary>The tokens that an output may not become: those of a list from one place to another.</summary>
    private readonly struct BannedTokens(ArrayView<int> bans, int start, int end)
    {
        private readonly ArrayView<int> _bans = bans;
        private readonly int _start = start;
        private readonly int _end = end;

        /// <summary>The better one of an entry and a token, which is only looked up if it would win: that is rare.</summary>
        public ulong Better(ulong best, float logit, int token)
        {
            ulong entry = TokenEntry.Likeliest(logit, token);
            return entry > best && !Contains(token) ? entry : best;
        }

        private bool Contains(int token)
        {
            bool found = false;
            for (int i = _start; i < _end; i++)
                found |= _bans[i] == token;
            return found;
        }
    }
}
