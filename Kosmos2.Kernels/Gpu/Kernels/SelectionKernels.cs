using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>
/// results[i] = the first t with the largest logits[i, t] among those that are not banned and that the output's rule allows; -1 when there is none, or when
/// a rule allows some only and theirs are all minus infinity.
/// </summary>
internal static class SelectionKernels
{
    /// <summary>
    /// A group of 64 to <see cref="RowKernels.MostThreads"/> threads for each output. A vocabulary of 65,037 is eight turns of such a group, in each of which eight
    /// loads a thread are under way: about as fast as the group's multiprocessor can be given them, so that sharing an output among groups would gain nothing.
    /// </summary>
    public static void Select(ArrayView<float> logits, ChoiceViews views, ClassViews classes, ArrayView<int> results, int vocabulary)
    {
        ArrayView<ulong> shared = SharedMemory.Allocate<ulong>(RowKernels.MostThreads);
        int output = Grid.IdxX;
        int step = Group.DimX;
        int last = vocabulary - 1;
        TokenRule rule = views.RuleOf(output);
        var banned = new BannedTokens(views.Bans, views.BanStarts[output], views.BanStarts[output + 1]);
        ulong best = 0;
        // Behind the end the last token comes again.
        for (int t = Group.IdxX; t < vocabulary; t += Octet.Count * step)
        {
            Octet logit = Octet.Load(logits, output * vocabulary, t, step, vocabulary);
            int allowed = AllowedTokens.OfOctet(rule, classes, t, step, last);
            best = banned.Better(best, logit.A, t, allowed);
            best = banned.Better(best, logit.B, Math.Min(t + step, last), allowed >> 1);
            best = banned.Better(best, logit.C, Math.Min(t + (2 * step), last), allowed >> 2);
            best = banned.Better(best, logit.D, Math.Min(t + (3 * step), last), allowed >> 3);
            best = banned.Better(best, logit.E, Math.Min(t + (4 * step), last), allowed >> 4);
            best = banned.Better(best, logit.F, Math.Min(t + (5 * step), last), allowed >> 5);
            best = banned.Better(best, logit.G, Math.Min(t + (6 * step), last), allowed >> 6);
            best = banned.Better(best, logit.H, Math.Min(t + (7 * step), last), allowed >> 7);
        }
        best = GroupReduction.Max(shared, best);
        bool none = best == 0 || (rule.IsNarrow && TokenEntry.Score(best) == float.NegativeInfinity);
        if (Group.IdxX == 0)
            results[output] = none ? -1 : TokenEntry.TokenOfLikeliest(best);
    }

    /// <summary>The tokens that an output may not become: those of a list from one place to another.</summary>
    private readonly struct BannedTokens(ArrayView<int> bans, int start, int end)
    {
        private readonly ArrayView<int> _bans = bans;
        private readonly int _start = start;
        private readonly int _end = end;

        /// <summary>The better one of an entry and a token, which is only looked up if it would win: that is rare.</summary>
        /// <param name="best">The entry.</param>
        /// <param name="logit">The token's.</param>
        /// <param name="token">The token.</param>
        /// <param name="allowed">Odd where the rule allows it.</param>
        public ulong Better(ulong best, float logit, int token, int allowed)
        {
            ulong entry = TokenEntry.Likeliest(logit, token);
            return entry > best && (allowed & 1) != 0 && !Contains(token) ? entry : best;
        }

        private bool Contains(int token)
        {
            bool found = false;
            for (int i = _start; i < _end; i++)
                found |= _bans[i] == token;
            return found;
        }
    }

    /// <summary>The tokens that a rule allows.</summary>
    private static class AllowedTokens
    {
        /// <summary>Which of an octet's tokens are among them, a bit each from the lowest. Their classes are loaded together, before any is looked at.</summary>
        public static int OfOctet(TokenRule rule, ClassViews classes, int t, int step, int last)
        {
            if (!rule.IsNarrow)
                return 0xFF;
            int b = Math.Min(t + step, last), c = Math.Min(t + (2 * step), last), d = Math.Min(t + (3 * step), last), e = Math.Min(t + (4 * step), last);
            int f = Math.Min(t + (5 * step), last), g = Math.Min(t + (6 * step), last), h = Math.Min(t + (7 * step), last);
            int classA = classes.Numbers[t], classB = classes.Numbers[b], classC = classes.Numbers[c], classD = classes.Numbers[d];
            int classE = classes.Numbers[e], classF = classes.Numbers[f], classG = classes.Numbers[g], classH = classes.Numbers[h];
            return Bit(rule, classes, t, classA)
                | (Bit(rule, classes, b, classB) << 1)
                | (Bit(rule, classes, c, classC) << 2)
                | (Bit(rule, classes, d, classD) << 3)
                | (Bit(rule, classes, e, classE) << 4)
                | (Bit(rule, classes, f, classF) << 5)
                | (Bit(rule, classes, g, classG) << 6)
                | (Bit(rule, classes, h, classH) << 7);
        }

        private static int Bit(TokenRule rule, ClassViews classes, int token, int tokenClass) => rule.Allows(token, tokenClass, classes.Grid) ? 1 : 0;
    }
}
