using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// The sums of a cluster's blocks, each over its share of the inputs, added up: every block lays its own into its shared memory, where the others read
/// them, each some of the warps' pieces, in the order of the blocks, so that the result is the same every time. No other memory is needed and nothing is left
/// behind.
/// </summary>
internal sealed class ClusterSums
{
    private const int QuadBytes = 4 * sizeof(float);

    private readonly PtxText _text;
    private readonly int _splits;
    private readonly int _threads;
    private readonly string _warp;
    private readonly string _mine;
    private readonly string _block;
    private readonly string[] _places;

    /// <param name="text">Where it is written.</param>
    /// <param name="splits">Blocks of the cluster, a power of two.</param>
    /// <param name="threads">Of a block.</param>
    /// <param name="shared">The block's shared memory.</param>
    /// <param name="offset">Where in it the sums may lie.</param>
    /// <param name="thread">Number of this one.</param>
    /// <param name="warp">Its warp's.</param>
    public ClusterSums(PtxText text, int splits, int threads, string shared, int offset, string thread, string warp)
    {
        (_text, _splits, _threads, _warp) = (text, splits, threads, warp);
        _mine = text.B32("mad.lo.u32", thread, QuadBytes, text.B32("add.u32", shared, offset));
        _block = text.B32("mov.u32", "%ctaid.y");
        _places = [.. Enumerable.Range(0, splits).Select(block => text.B32("mapa.shared::cluster.u32", _mine, block))];
    }

    /// <summary>Replaces those sums that are this block's to finish by the cluster's. Nothing else may use the sums' place in shared memory any more.</summary>
    public void AddUp(MatmulSums sums)
    {
        int place = 0;
        foreach (string[] quad in sums.All)
            _text.Do("st.shared.v4.f32", At(_mine, place++ * _threads * QuadBytes), Group(quad));
        Arrive();
        Wait();
        for (int i = 0; i < sums.Down; i++)
        {
            string other = _text.NewLabel("OTHERS");
            Skip(i, sums.Down, other);
            for (int j = 0; j < sums.Across; j++)
                Collect((i * sums.Across) + j, sums[i, j]);
            _text.Label(other);
        }
        // Nothing is read from the others from here on: none of them has to wait until this one's results are stored.
        Arrive();
    }

    /// <summary>Goes elsewhere unless a piece of this warp's sums is this block's to finish.</summary>
    /// <param name="piece">Number of the piece, of 16 rows.</param>
    /// <param name="pieces">Pieces of a warp.</param>
    /// <param name="elsewhere">A label.</param>
    public void Skip(int piece, int pieces, string elsewhere)
    {
        string number = _text.B32("mad.lo.u32", _warp, pieces, piece);
        string owner = _text.B32("and.b32", number, _splits - 1);
        _text.When(_text.Predicate("setp.ne.s32", owner, _block), "bra", elsewhere);
    }

    /// <summary>Waits for the others, which may still read this block's memory: it goes when the block ends.</summary>
    public void Leave() => Wait();

    private void Collect(int place, string[] quad)
    {
        string[][] theirs = [.. _places.Select(_ => _text.Registers("f", quad.Length))];
        for (int block = 0; block < _splits; block++)
            _text.Do("ld.shared::cluster.v4.f32", Group(theirs[block]), At(_places[block], place * _threads * QuadBytes));
        for (int e = 0; e < quad.Length; e++)
        {
            _text.Do("add.f32", quad[e], theirs[0][e], theirs[1][e]);
            for (int block = 2; block < _splits; block++)
                _text.Do("add.f32", quad[e], quad[e], theirs[block][e]);
        }
    }

    // Releases what was written before, and is behind what was read.
    private void Arrive() => _text.Do("barrier.cluster.arrive.aligned");

    // Acquires what the others wrote before they arrived.
    private void Wait() => _text.Do("barrier.cluster.wait.aligned");
}
