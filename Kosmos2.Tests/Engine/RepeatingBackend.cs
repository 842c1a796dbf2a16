using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.Graphs;

namespace Kosmos2.Tests.Engine;

/// <summary>
/// The CPU with recordings as a GPU has them: while one is made nothing runs, and afterwards the same operations run on the same tensors, whatever they hold by then. Memory
/// that was freed voids recordings, unless it was to be unrecorded.
/// </summary>
internal sealed class RepeatingBackend : IBackend
{
    private readonly IBackend _inner = Backends.Create("cpu", threads: 1);
    private readonly Recorder _recorder = new();
    private readonly List<Tensor> _recorded = [];
    private readonly StepGraphs _graphs;

    public RepeatingBackend() => _graphs = new StepGraphs(_recorder);

    /// <summary>Steps that were repeated.</summary>
    public int Repeats => _recorder.Launches - _recorder.Recordings;

    /// <summary>Steps that were recorded.</summary>
    public int Recordings => _recorder.Recordings;

    public string Description => _inner.Description;

    public bool KeysByElement => _inner.KeysByElement;

    // Freed tensors among those that recordings may hold.
    private long MemoryVersion => _recorded.Count(tensor => !tensor.IsHost);

    public Tensor Allocate(DType type, params ReadOnlySpan<long> extents)
    {
        Tensor tensor = _inner.Allocate(type, extents);
        _recorded.Add(tensor);
        return tensor;
    }

    public Tensor AllocateUnrecorded(DType type, params ReadOnlySpan<long> extents) => _inner.Allocate(type, extents);

    public PreparedWeight Prepare(Tensor weight) => _inner.Prepare(weight);

    public PreparedWeight Prepare(QuantizedMatrix weight) => _inner.Prepare(weight);

    public void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged => _inner.Upload(source, destination);

    public void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged => _inner.Download(source, destination);

    public void Synchronize() => _inner.Synchronize();

    public void BeginStep(StepTable table) => _inner.BeginStep(table);

    public bool TryRepeat(in StepSignature step) => _graphs.TryRepeat(step, MemoryVersion);

    public bool EndStep() => _inner.EndStep() & _graphs.End();

    public void Linear(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm) =>
        _recorder.Do(() => _inner.Linear(x, layer, y, activation, residual, norm));

    public void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm)
    {
        (LinearParameters[] all, Tensor[] results) = (layers.ToArray(), y.ToArray());
        _recorder.Do(() => _inner.LinearGroup(x, all, results, norm));
    }

    public void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y) => _recorder.Do(() => _inner.LayerNorm(x, norm, y));

    public void L2Normalize(Tensor x, Tensor y) => _recorder.Do(() => _inner.L2Normalize(x, y));

    public void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y) => _recorder.Do(() => _inner.PatchEmbed(pixels, embedding, y));

    public void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y) =>
        _recorder.Do(() => _inner.EmbedRows(embeddings, given, scale, positions, y));

    public void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities) =>
        _recorder.Do(() => _inner.Attention(q, k, v, y, batch, heads, scale, probabilities));

    public void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer) => _recorder.Do(() => _inner.AppendKeyValues(k, v, blocks, layer));

    public void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities) =>
        _recorder.Do(() => _inner.CachedAttention(q, blocks, layer, scale, y, probabilities));

    public void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs) => _inner.CopyBlocks(blocks, pairs);

    public void Copy(Tensor source, Tensor destination) => _recorder.Do(() => _inner.Copy(source, destination));

    public void GatherOutputRows(Tensor x, Tensor y) => _recorder.Do(() => _inner.GatherOutputRows(x, y));

    public void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes) => _recorder.Do(() => _inner.SelectTokens(logits, results, classes));

    public void Dispose()
    {
        _graphs.Dispose();
        _inner.Dispose();
    }

    private sealed class Recorder : IGraphDriver
    {
        private readonly List<List<Action>> _recordings = [];
        private List<Action>? _current;

        public int Recordings => _recordings.Count;

        public int Launches { get; private set; }

        public void Do(Action operation)
        {
            if (_current is null)
                operation();
            else
                _current.Add(operation);
        }

        public bool Begin()
        {
            _current = [];
            return true;
        }

        public nint End()
        {
            _recordings.Add(_current!);
            _current = null;
            return _recordings.Count;
        }

        public void Launch(nint graph)
        {
            Launches++;
            foreach (Action operation in _recordings[(int)graph - 1])
                operation();
        }

        public void Free(nint graph) => _recordings[(int)graph - 1] = [() => throw new InvalidOperationException("a freed recording")];
    }
}
