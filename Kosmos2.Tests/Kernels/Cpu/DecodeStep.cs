using Kosmos2.Kernels;
using Kosmos2.Tests.Kernels.Conformance;

namespace Kosmos2.Tests.Kernels.Cpu;

/// <summary>One small decoder layer and the choice of a token, every operation a decode step uses.</summary>
internal sealed class DecodeStep : IDisposable
{
    private const int Width = 48;
    private const int Heads = 3;
    private const int Vocabulary = 99;

    private readonly IBackend _backend;
    private readonly Workbench _bench;
    private readonly StepTable _table = new();
    private readonly KeyValueBlocks _cache;
    private readonly PreparedWeight _embeddings;
    private readonly LayerNormParameters _norm;
    private readonly LinearParameters[] _projections;
    private readonly LinearParameters _up;
    private readonly LinearParameters _down;
    private readonly LinearParameters _head;
    private readonly Tensor _positions;
    private readonly Tensor _x;
    private readonly Tensor[] _qkv;
    private readonly Tensor _attended;
    private readonly Tensor _wide;
    private readonly Tensor _last;
    private readonly Tensor _logits;
    private readonly Tensor _ids;

    public DecodeStep(IBackend backend)
    {
        _backend = backend;
        _bench = new Workbench(backend);
        _cache = _bench.Cache(1, Heads, Width / Heads, 2);
        _embeddings = _bench.Weight(1, DType.BF16, Vocabulary, Width);
        _norm = _bench.Norm(2, Width);
        _projections = [Layer(4, Width, Width), Layer(5, Width, Width), Layer(6, Width, Width)];
        _up = Layer(7, 2 * Width, Width);
        _down = Layer(8, Width, 2 * Width);
        _head = new LinearParameters(_embeddings, null);
        _positions = _bench.Random(9, 40, Width);
        _x = _bench.Result(1, Width);
        _qkv = [_bench.Result(1, Width), _bench.Result(1, Width), _bench.Result(1, Width)];
        _attended = _bench.Result(1, Width);
        _wide = _bench.Result(1, 2 * Width);
        _last = _bench.Result(1, Width);
        _logits = _bench.Result(1, Vocabulary);
        _ids = _bench.Integers(1);
    }

    public void Run()
    {
        FillTable();
        _backend.BeginStep(_table);
        _backend.EmbedRows(_embeddings, null, 1, _positions, _x);
        _backend.LinearGroup(_x, _projections, _qkv, _norm);
        _backend.AppendKeyValues(_qkv[1], _qkv[2], _cache, 0);
        _backend.CachedAttention(_qkv[0], _cache, 0, 0.25f, _attended);
        _backend.Linear(_attended, _projections[0], _x, residual: _x, norm: _norm);
        _backend.Linear(_x, _up, _wide, Activation.Gelu, norm: _norm);
        _backend.Linear(_wide, _down, _x, residual: _x);
        _backend.LayerNorm(_x, _norm, _x);
        _backend.GatherOutputRows(_x, _last);
        _backend.Linear(_last, _head, _logits);
        _backend.SelectTokens(_logits, _ids);
        _backend.EndStep();
        _backend.Download(_ids, stackalloc int[1]);
    }

    public void Dispose()
    {
        _table.Dispose();
        _bench.Dispose();
    }

    // The 21st token of a sequence.
    private void FillTable()
    {
        _table.Reset(1, 1, 2, 1, 1);
        _table.TokenIds[0] = 7;
        _table.Positions[0] = 20;
        _table.GivenRows[0] = -1;
        _table.Slots[0] = 20;
        _table.KeyVisible[0] = 1;
        _table.RowSequences[0] = 0;
        _table.RowStarts[1] = 1;
        _table.KeyCounts[0] = 21;
        _table.BlockStarts[1] = 2;
        _table.Blocks[0] = 0;
        _table.Blocks[1] = 1;
        _table.OutputRows[0] = 0;
        _table.BanStarts[1] = 1;
        _table.Bans[0] = 3;
    }

    private LinearParameters Layer(int seed, int outputs, int inputs) =>
        new(_bench.Weight(seed, DType.F32, outputs, inputs), _bench.Random(seed + 100, outputs));
}
