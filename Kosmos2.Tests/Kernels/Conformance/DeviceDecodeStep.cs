using Kosmos2.Kernels;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>Decoder layers as the model has them, with random weights, and one new token for each of some sequences; every run continues the last.</summary>
internal sealed class DeviceDecodeStep : IDisposable
{
    private const int Width = 48;
    private const int Heads = 3;
    private const int Vocabulary = 99;
    private const int Layers = 3;
    private const int BlocksEach = 8;

    private readonly IBackend _backend;
    private readonly int _sequences;
    private readonly Workbench _bench;
    private readonly StepTable _table = new();
    private readonly KeyValueBlocks _cache;
    private readonly LayerNormParameters _norm;
    private readonly LayerNormParameters _wideNorm;
    private readonly LinearParameters[] _projections;
    private readonly LinearParameters _up;
    private readonly LinearParameters _down;
    private readonly LinearParameters _head;
    private readonly Tensor _positions;
    private readonly Tensor _x;
    private readonly Tensor[] _qkv;
    private readonly Tensor _context;
    private readonly Tensor _wide;
    private readonly Tensor _last;
    private readonly Tensor _logits;
    private readonly Tensor _ids;
    private readonly TokenClasses _classes;
    private readonly int[] _results;
    private int _length = 20;

    public DeviceDecodeStep(IBackend backend, int sequences)
    {
        _backend = backend;
        _sequences = sequences;
        _bench = new Workbench(backend);
        _cache = _bench.Cache(Layers, Heads, Width / Heads, sequences * BlocksEach);
        _norm = _bench.Norm(2, Width);
        _wideNorm = _bench.Norm(3, 2 * Width);
        _projections = [Layer(4, Width, Width), Layer(5, Width, Width), Layer(6, Width, Width)];
        _up = Layer(7, 2 * Width, Width);
        _down = Layer(8, Width, 2 * Width);
        _head = new LinearParameters(_bench.Weight(1, DType.BF16, Vocabulary, Width), null);
        _positions = _bench.Random(9, BlocksEach * KeyValueBlocks.BlockSize, Width);
        _x = _bench.Result(sequences, Width);
        _qkv = [_bench.Result(sequences, Width), _bench.Result(sequences, Width), _bench.Result(sequences, Width)];
        _context = _bench.Result(sequences, Width);
        _wide = _bench.Result(sequences, 2 * Width);
        _last = _bench.Result(sequences, Width);
        _logits = _bench.Result(sequences, Vocabulary);
        _classes = _bench.Classes([.. Enumerable.Range(0, Vocabulary).Select(t => (sbyte)(t % 3))], 40, 4);
        _ids = _bench.Integers(sequences * (1 + _classes.Cells));
        _results = new int[sequences * (1 + _classes.Cells)];
    }

    /// <summary>How tokens are chosen.</summary>
    public TokenChoice Choice { get; init; }

    /// <summary>Which tokens may come, by classes of which token t has t modulo 3, and what is told of them.</summary>
    public TokenRule Rule { get; init; }

    /// <summary>The tokens that the last run chose.</summary>
    public ReadOnlySpan<int> Chosen => _results.AsSpan(0, _sequences);

    public void Run(int layers = Layers)
    {
        FillTable();
        _backend.BeginStep(_table);
        _backend.EmbedRows(_head.Weight, null, 1, _positions, _x);
        for (int layer = 0; layer < layers; layer++)
        {
            _backend.LinearGroup(_x, _projections, _qkv, _norm);
            _backend.AppendKeyValues(_qkv[1], _qkv[2], _cache, layer);
            _backend.CachedAttention(_qkv[0], _cache, layer, 0.25f, _context);
            _backend.Linear(_context, _projections[0], _x, residual: _x, norm: _norm);
            _backend.Linear(_x, _up, _wide, Activation.Gelu, norm: _norm);
            _backend.Linear(_wide, _down, _x, residual: _x, norm: _wideNorm);
        }
        _backend.GatherOutputRows(_x, _last);
        _backend.Linear(_last, _head, _logits, norm: _norm);
        _backend.EndStep();
        _backend.SelectTokens(_logits, _ids, _classes);
        _backend.Download(_ids, _results.AsSpan());
    }

    public void Dispose()
    {
        _table.Dispose();
        _bench.Dispose();
    }

    // Sequence s has the blocks from s * BlocksEach on; all are equally long.
    private void FillTable()
    {
        int slot = _length++;
        _table.Reset(_sequences, _sequences, _sequences * BlocksEach, _sequences, _sequences);
        _table.Choices.Fill(Choice);
        for (int s = 0; s < _sequences; s++)
        {
            _table.TokenIds[s] = _results[s];
            _table.Rules[s] = Rule with { Place = s * _classes.Cells };
            _table.Positions[s] = slot;
            _table.GivenRows[s] = -1;
            _table.Slots[s] = (s * BlocksEach * KeyValueBlocks.BlockSize) + slot;
            _table.KeyVisible[s] = 1;
            _table.RowSequences[s] = s;
            _table.RowStarts[s + 1] = s + 1;
            _table.KeyCounts[s] = slot + 1;
            _table.BlockStarts[s + 1] = (s + 1) * BlocksEach;
            for (int b = 0; b < BlocksEach; b++)
                _table.Blocks[(s * BlocksEach) + b] = (s * BlocksEach) + b;
            _table.OutputRows[s] = s;
            _table.Bans[s] = 3;
            _table.BanStarts[s + 1] = s + 1;
        }
    }

    private LinearParameters Layer(int seed, int outputs, int inputs) =>
        new(_bench.Weight(seed, DType.F32, outputs, inputs), _bench.Random(seed + 100, outputs));
}
