using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Engine;

/// <summary>
/// Prompts as sequences for the decoder, with nothing computed twice: what a kept beginning holds is forked, what several prompts begin with runs once,
/// and a picture is encoded only if some row still needs it. Arithmetic does not depend on where a sequence is cut, so the results are, bit for bit,
/// those of prompts run whole.
/// </summary>
internal sealed class SequenceBatch : IDisposable
{
    // A pass of its own for a shared beginning has to save about as many rows as it costs to read the weights once more.
    private const int RowsWorthAPass = 32;

    private readonly Kosmos2Model _model;
    private readonly PrefixStore _prefixes;
    private readonly IReadOnlyList<PreparedPrompt> _prompts;
    private readonly KeyValueCache[] _caches;
    private readonly Dictionary<string, int> _rows = [];
    private ImageEmbeddings? _given;

    /// <summary>Finds what is kept of each prompt.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prefixes">Kept beginnings.</param>
    /// <param name="prompts">The prompts.</param>
    public SequenceBatch(Kosmos2Model model, PrefixStore prefixes, IReadOnlyList<PreparedPrompt> prompts)
    {
        _model = model;
        _prefixes = prefixes;
        _prompts = prompts;
        _caches = [.. prompts.Select(prompt => prefixes.Fork(prompt) ?? model.CreateCache())];
    }

    /// <summary>Encodes, or fetches, the pictures of which rows have yet to run.</summary>
    public void Encode(EncodedPictures pictures, Func<string, PixelValues> pixels)
    {
        for (int i = 0; i < _prompts.Count; i++)
        {
            foreach (PicturePlace place in _prompts[i].Pictures)
            {
                if (place.Start + Latents > _caches[i].Length)
                    _rows.TryAdd(place.Key, _rows.Count * Latents);
            }
        }
        if (_rows.Count > 0)
            _given = _model.UploadEmbeddings(pictures.Rows([.. _rows.Keys], pixels));
    }

    /// <summary>The pictures' rows, which the sequences name; null when none is needed.</summary>
    public ImageEmbeddings? Given => _given;

    private int Latents => _model.Config.LatentQueryNum;

    /// <summary>Runs what several prompts begin with, all such beginnings in one pass.</summary>
    public void RunSharedBeginnings()
    {
        List<(int[] Members, int Length)> shared = [.. Enumerable.Range(0, _prompts.Count)
            .GroupBy(i => _prompts[i].Pictures.Count > 0 ? _prompts[i].Pictures[0] : default)
            .Select(group => (Members: group.ToArray(), Length: SharedLength([.. group])))
            .Where(group => WorthAPass(group.Members, group.Length))];
        if (shared.Count == 0)
            return;
        _model.Forward([.. shared.Select(group => Sequence(Furthest(group.Members), group.Length))], _given, LogitRows.None);
        foreach ((int[] members, int length) in shared)
        {
            int first = Furthest(members);
            if (_prompts[first].Pictures.Count > 0)
                _prefixes.Keep(_prompts[first], _caches[first], length);
            foreach (int member in members.Where(member => member != first))
            {
                _caches[member].Dispose();
                _caches[member] = _caches[first].Fork();
            }
        }
    }

    /// <summary>
    /// The prompts as sequences that go on from their caches; generation takes the caches over. A pass over them gives logits from
    /// <see cref="PreparedPrompt.MaxPrefix"/> to the last token but one: what predicts the tokens after it.
    /// </summary>
    public SequenceInput[] Sequences() => [.. _prompts.Select((prompt, i) => Sequence(i, prompt.Ids.Length))];

    /// <summary>Frees the embeddings and all caches that nobody took over.</summary>
    public void Dispose()
    {
        _given?.Dispose();
        foreach (KeyValueCache cache in _caches)
            cache.Dispose();
    }

    // The tokens of a prompt that its cache does not hold yet, up to a length.
    private SequenceInput Sequence(int index, int length)
    {
        PreparedPrompt prompt = _prompts[index];
        int start = _caches[index].Length;
        int[]? given = _given is null ? null : new int[length - start];
        if (given is not null)
        {
            Array.Fill(given, -1);
            foreach (PicturePlace place in prompt.Pictures)
            {
                for (int i = Math.Max(start, place.Start); i < Math.Min(length, place.Start + Latents); i++)
                    given[i - start] = _rows[place.Key] + i - place.Start;
            }
        }
        int keep = prompt.PicturePrefix(Latents);
        return new SequenceInput
        {
            TokenIds = prompt.Ids[start..length],
            GivenRows = given,
            Cache = _caches[index],
            HandsOverCache = true,
            LogitRange = length < prompt.Ids.Length ? null : (prompt.MaxPrefix - start)..^1,
            Prefilled = keep > start ? cache => _prefixes.Keep(prompt, cache, keep) : null,
        };
    }

    private int SharedLength(int[] members)
    {
        PreparedPrompt first = _prompts[members[0]];
        return members.Min(i => Math.Min(_prompts[i].MaxPrefix, first.CommonPrefix(_prompts[i].Ids, _prompts[i].Pictures)));
    }

    private bool WorthAPass(int[] members, int length)
    {
        int furthest = Furthest(members);
        return length > _caches[furthest].Length && members.Where(i => i != furthest).Sum(i => Math.Max(0, length - _caches[i].Length)) >= RowsWorthAPass;
    }

    private int Furthest(int[] members) => members.MaxBy(i => _caches[i].Length);
}
