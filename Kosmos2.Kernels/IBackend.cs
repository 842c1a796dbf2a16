namespace Kosmos2.Kernels;

/// <summary>
/// A device as a queue of the model's operations, no more. No operation returns a value; results are read with
/// <see cref="Download"/>, the only call that waits. Activations are F32 matrices [rows, width] that the caller allocates once and
/// uses again, and everything that varies from step to step stands in one <see cref="StepTable"/>, so that a step can be recorded
/// and replayed. Every operation gives a row the same result whatever other rows run beside it and however many threads work; only the
/// linear layers of a GPU have kernels of their own for few rows, whose sums are rounded in another order.
/// </summary>
/// <remarks>
/// Calls check their operands (shapes, types, place) and throw <see cref="ArgumentException"/>; they come from one thread at a time.
/// </remarks>
public interface IBackend : IDisposable
{
    /// <summary>Name of the device and of the kernels in use, for people: <c>cpu (AVX-512, 2 threads)</c>.</summary>
    string Description { get; }

    /// <summary>Bytes that are free in memory of its own, as far as its driver says; null where a device computes in the host's.</summary>
    long? FreeBytes => null;

    /// <summary>
    /// Whether its caches keep a head's keys of a block element by element, not key by key (<see cref="KeyValueBlocks.Keys"/>): then a vector of the same element of
    /// neighbouring keys is one load, and no key is transposed to be scored.
    /// </summary>
    bool KeysByElement => false;

    /// <summary>Allocates zeroed memory on the device; the caller disposes it.</summary>
    Tensor Allocate(DType type, params ReadOnlySpan<long> extents);

    /// <summary>
    /// As <see cref="Allocate"/>, for what no recorded operation touches (<see cref="TryRepeat"/>): recordings hold addresses, so other memory that is freed voids them.
    /// </summary>
    Tensor AllocateUnrecorded(DType type, params ReadOnlySpan<long> extents) => Allocate(type, extents);

    /// <summary>Brings a weight matrix (F32, F16 or BF16, in host memory that outlives the result as long as that <see cref="PreparedWeight.ReadsSource"/>) into this device's form.</summary>
    PreparedWeight Prepare(Tensor weight);

    /// <summary>
    /// Brings a weight of small integers (in host memory that outlives the result as long as that <see cref="PreparedWeight.ReadsSource"/>) into this device's form. It can be used wherever a weight of floats can.
    /// </summary>
    PreparedWeight Prepare(QuantizedMatrix weight);

    /// <summary>Copies host elements into a tensor; both have the same size in bytes.</summary>
    void Upload<T>(ReadOnlySpan<T> source, Tensor destination)
        where T : unmanaged;

    /// <summary>Waits for the queue and copies a tensor's elements to the host; both have the same size in bytes.</summary>
    void Download<T>(Tensor source, Span<T> destination)
        where T : unmanaged;

    /// <summary>Waits until all queued operations are done.</summary>
    void Synchronize();

    /// <summary>Hands over the step's table: sent to the device in one copy. Operations that read it take the last one handed over.</summary>
    void BeginStep(StepTable table);

    /// <summary>
    /// Whether the operations of a step have been put into the queue without being named one by one: a device may record those of an equal step and repeat them. Called
    /// after <see cref="BeginStep"/>, if the step has a table; if false, the operations follow as usual, and <see cref="EndStep"/> after them.
    /// </summary>
    /// <param name="step">What the operations depend on besides the content of their tensors.</param>
    bool TryRepeat(in StepSignature step) => false;

    /// <summary>Marks the end of what <see cref="BeginStep"/> or <see cref="TryRepeat"/> began.</summary>
    /// <returns>Whether the operations are in the queue; if false, a recording has failed, and they are to be put there once more.</returns>
    bool EndStep();

    /// <summary>y = activation(norm(x) W^T + b) + residual, where norm and residual may be absent.</summary>
    /// <param name="x">[rows, in].</param>
    /// <param name="layer">W [out, in], b [out].</param>
    /// <param name="y">[rows, out]; may be the same tensor as <paramref name="residual"/>, not as <paramref name="x"/>.</param>
    /// <param name="activation">Applied after the bias, before the residual.</param>
    /// <param name="residual">[rows, out], or null.</param>
    /// <param name="norm">Layer normalisation of x's rows before the product, or null. x itself stays as it is.</param>
    void Linear(
        Tensor x, LinearParameters layer, Tensor y, Activation activation = Activation.Identity, Tensor? residual = null, LayerNormParameters? norm = null);

    /// <summary>Several linear layers over the same input (query, key, value) in one pass: y[i] = norm(x) W[i]^T + b[i].</summary>
    void LinearGroup(Tensor x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LayerNormParameters? norm = null);

    /// <summary>y = norm(x) for each row; y may be x.</summary>
    void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y);

    /// <summary>y = x / max(|x|_2, 1e-12) for each row; y may be x.</summary>
    void L2Normalize(Tensor x, Tensor y);

    /// <summary>
    /// y[b, 0] = class token + position 0; y[b, 1 + p] = the patch's pixels (channel, row, column) W^T + position 1 + p, with patches in
    /// row-major order. The right and bottom pixels that fill no patch are left out.
    /// </summary>
    /// <param name="pixels">[batch, channels, height, width].</param>
    /// <param name="embedding">Its positions must have 1 + (height / patch) (width / patch) rows.</param>
    /// <param name="y">[batch * (1 + patches), hidden].</param>
    void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y);

    /// <summary>
    /// For each row r of the step: y[r] = (GivenRows[r] &lt; 0 ? embeddings[TokenIds[r]] : given[GivenRows[r]]) * scale + positions[Positions[r]].
    /// </summary>
    /// <param name="embeddings">[vocabulary, width].</param>
    /// <param name="given">[n, width]: image embeddings or the caller's own; null when no row asks for one.</param>
    /// <param name="scale">Factor on the embedding, not on the position.</param>
    /// <param name="positions">F32 [positions, width].</param>
    /// <param name="y">[rows, width].</param>
    void EmbedRows(PreparedWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y);

    /// <summary>
    /// Attention of every query to every key of its batch entry, without mask: softmax(scale q k^T) v for each head.
    /// </summary>
    /// <param name="q">[batch * queries, heads * headSize], or [queries, heads * headSize] when all entries share their queries.</param>
    /// <param name="k">[batch * keys, heads * headSize].</param>
    /// <param name="v">As <paramref name="k"/>.</param>
    /// <param name="y">[batch * queries, heads * headSize].</param>
    /// <param name="batch">Number of entries.</param>
    /// <param name="heads">Number of heads; divides the width.</param>
    /// <param name="scale">Factor on the products.</param>
    /// <param name="probabilities">[batch, heads, queries, keys] to receive the softmax, or null (then it is never stored).</param>
    void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities = null);

    /// <summary>Writes row r of k and v to slot Slots[r] of a layer of the cache, in the cache's <see cref="KeyValueBlocks.Format"/>.</summary>
    /// <param name="k">[rows, heads * headSize].</param>
    /// <param name="v">As <paramref name="k"/>.</param>
    /// <param name="blocks">The cache.</param>
    /// <param name="layer">Layer of the decoder, from 0. Layer 0 also writes KeyVisible[r] into the cache's <see cref="KeyValueBlocks.KeyBias"/>.</param>
    void AppendKeyValues(Tensor k, Tensor v, KeyValueBlocks blocks, int layer);

    /// <summary>
    /// Causal attention of the step's rows to the cached keys of their own sequence: row r, the j-th of the last n rows of a sequence with K
    /// keys, sees keys 0 .. K - n + j, each with its <see cref="KeyValueBlocks.KeyBias"/> added to the score. <see cref="KeyValueBlocks.HiddenBias"/>
    /// swallows any score, so a row that sees no visible key attends evenly. In Hugging Face, where the mask is the sum of a causal and a
    /// padding part, each the lowest float where it forbids, such a row attends to every key that only one part forbids: the hidden keys
    /// it sees and the visible keys after it. That is what happens here too (a loss may depend on it).
    /// </summary>
    /// <param name="q">[rows, heads * headSize].</param>
    /// <param name="blocks">The cache, after <see cref="AppendKeyValues"/>.</param>
    /// <param name="layer">Layer of the decoder.</param>
    /// <param name="scale">Factor on the products.</param>
    /// <param name="y">[rows, heads * headSize].</param>
    /// <param name="probabilities">
    /// To receive the softmax, or null: for each sequence in turn [heads, rows of the sequence, keys], flat; entries that a row may not see are 0.
    /// </param>
    void CachedAttention(Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities = null);

    /// <summary>Copies whole blocks of the cache, all layers, keys, values and biases: for each pair, block source to block destination.</summary>
    void CopyBlocks(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs);

    /// <summary>Copies elements between tensors of the same size in bytes on this device; they must not overlap.</summary>
    void Copy(Tensor source, Tensor destination);

    /// <summary>y[i] = x[OutputRows[i]] for each output of the step.</summary>
    void GatherOutputRows(Tensor x, Tensor y);

    /// <summary>
    /// For each output i: results[i] = the first index of the largest logits[i, t] among the t that are not in the step's Bans of i and that its
    /// <see cref="TokenRule"/> allows, or the one of them that its <see cref="TokenChoice"/> draws; -1 when all are banned, or, where one is drawn or the rule allows some only, all others
    /// minus infinity. A NaN is taken for minus infinity. Behind the ids stand the numbers that rules ask for.
    /// </summary>
    /// <param name="logits">[outputs, vocabulary].</param>
    /// <param name="results">I32 [outputs + n]: ids, then at outputs + <see cref="TokenRule.Place"/> the bits of the floats that a rule's <see cref="TokenRule.Reading"/> says.</param>
    /// <param name="classes">The vocabulary by classes; may be null where no rule asks for them.</param>
    void SelectTokens(Tensor logits, Tensor results, TokenClasses? classes = null);
}
