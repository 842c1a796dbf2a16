using Kosmos2.Engine.Model;

namespace Kosmos2.Engine;

/// <summary>
/// Beginnings of prompts that have been through the decoder, kept so that other prompts can go on from them: their keys and values, up to a budget.
/// They count against the cache's own budget, and give way when it is used up.
/// </summary>
/// <param name="budget">Tokens of all kept beginnings together.</param>
internal sealed class PrefixStore(long budget)
{
    private readonly LeastRecentlyUsed<Prefix, KeyValueCache> _kept = new(budget, cache => cache.Length, cache => cache.Dispose());

    /// <summary>The kept beginning that shares most tokens with a prompt, as a cache of the caller's own that holds just these; null when none shares any.</summary>
    public KeyValueCache? Fork(PreparedPrompt prompt)
    {
        Prefix? best = null;
        int longest = 0;
        foreach ((Prefix prefix, KeyValueCache cache) in _kept.Entries)
        {
            int common = Math.Min(prompt.MaxPrefix, prompt.CommonPrefix(cache.TokenIds, prefix.Pictures));
            if (common > longest)
                (best, longest) = (prefix, common);
        }
        if (best is null || !_kept.TryGet(best, out KeyValueCache? kept))
            return null;
        KeyValueCache fork = kept.Fork();
        fork.Truncate(longest);
        return fork;
    }

    /// <summary>Keeps the first tokens of a prompt, unless it is kept already.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="cache">Its cache, which holds at least so many tokens.</param>
    /// <param name="length">How many to keep.</param>
    public void Keep(PreparedPrompt prompt, KeyValueCache cache, int length)
    {
        if (length > budget || _kept.Entries.Any(kept => prompt.CommonPrefix(kept.Value.TokenIds, kept.Key.Pictures) >= length))
            return;
        KeyValueCache beginning = cache.Fork();
        beginning.Truncate(length);
        _kept.Add(new Prefix([.. prompt.Pictures.Where(picture => picture.Start < length)]), beginning);
    }

    /// <summary>Lets go of the beginning that was not used for longest.</summary>
    /// <returns>False when there is none.</returns>
    public bool DropOldest() => _kept.DropOldest();

    /// <summary>A kept beginning, by reference.</summary>
    private sealed class Prefix(PicturePlace[] pictures)
    {
        /// <summary>The pictures in it.</summary>
        public PicturePlace[] Pictures { get; } = pictures;
    }
}
