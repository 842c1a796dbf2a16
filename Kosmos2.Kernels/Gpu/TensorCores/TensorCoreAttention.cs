using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>Attention of many queries on the tensor cores of a CUDA device, in BF16 with sums in F32. Kernels are compiled when first used.</summary>
/// <param name="driver">The driver.</param>
/// <param name="target">What texts are written for.</param>
internal sealed class TensorCoreAttention(CudaDriver driver, PtxTarget target) : IDisposable
{
    /// <summary>A warp has 16 queries; with fewer it is partly empty.</summary>
    public const int LeastQueries = AttentionTile.WarpQueries;

    private readonly Dictionary<(int HeadSize, DType? Cached), PtxKernel> _kernels = [];

    /// <summary>Whether attention can be computed here: enough queries, heads of a size that there is a text for, aligned operands.</summary>
    /// <param name="queries">Of a sequence.</param>
    /// <param name="headSize">Elements of a head.</param>
    /// <param name="addresses">Of all operands, their bits together.</param>
    public static bool Takes(int queries, int headSize, ulong addresses) =>
        queries >= LeastQueries && AttentionTile.HeadSizes.Contains(headSize) && addresses % TensorCoreProducts.Alignment == 0;

    /// <summary>y = softmax(scale q k^T) v for each head and entry of a batch.</summary>
    /// <param name="stream">The driver's stream.</param>
    /// <param name="q">[batch * queries, heads * headSize], or [queries, heads * headSize] if entries share them.</param>
    /// <param name="k">[batch * keys, heads * headSize].</param>
    /// <param name="v">[batch * keys, heads * headSize].</param>
    /// <param name="y">[batch * queries, heads * headSize].</param>
    /// <param name="batch">Entries.</param>
    /// <param name="options">Sizes, at least one key.</param>
    public void Attend(nint stream, ulong q, ulong k, ulong v, ulong y, int batch, PackedAttentionOptions options)
    {
        PtxKernel kernel = Kernel(options.HeadSize, null);
        kernel.Launch(
            stream,
            new LaunchGrid(Blocks(options.Queries), options.Heads, batch),
            [
                q, k, v, y, (ulong)options.Queries, (ulong)options.Keys, checked((ulong)(options.Heads * options.HeadSize * sizeof(float))),
                options.SharedQueries != 0 ? 0 : (ulong)options.Queries, BitConverter.SingleToUInt32Bits(options.Scale),
            ]);
    }

    /// <summary>The same for a step's rows, over the cached keys of their sequences that they see.</summary>
    /// <param name="stream">The driver's stream.</param>
    /// <param name="at">Where everything lies.</param>
    /// <param name="type">Of the cache, one of <see cref="CachedAttentionText.Types"/>.</param>
    /// <param name="mostRows">Rows of the sequence that has most.</param>
    /// <param name="sequences">Of the step.</param>
    /// <param name="heads">Of the cache.</param>
    /// <param name="headSize">Elements of a head.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public void Attend(nint stream, CachedAttentionOperands at, DType type, int mostRows, int sequences, int heads, int headSize, float scale) =>
        Kernel(headSize, type).Launch(
            stream,
            new LaunchGrid(Blocks(mostRows), heads, sequences),
            [
                at.Q, at.Y, at.Keys, at.Values, at.Bias, at.RowStarts, at.KeyCounts, at.BlockStarts, at.Blocks,
                (ulong)heads, BitConverter.SingleToUInt32Bits(scale),
            ]);

    /// <summary>Rows of the sequence of a step that has most.</summary>
    public static int MostRows(StepTable step)
    {
        int most = 0;
        ReadOnlySpan<int> starts = step.RowStarts;
        for (int i = 1; i < starts.Length; i++)
            most = Math.Max(most, starts[i] - starts[i - 1]);
        return most;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PtxKernel kernel in _kernels.Values)
            kernel.Dispose();
    }

    private PtxKernel Kernel(int headSize, DType? cached)
    {
        if (!_kernels.TryGetValue((headSize, cached), out PtxKernel? kernel))
        {
            (string name, string text) = cached is { } type
                ? (CachedAttentionText.Name(type, headSize), CachedAttentionText.Write(type, headSize, target))
                : (AttentionText.Name(headSize), AttentionText.Write(headSize, target));
            _kernels.Add((headSize, cached), kernel = new PtxKernel(driver, name, text, AttentionTile.Threads, AttentionTile.SharedBytes));
        }
        return kernel;
    }

    private static int Blocks(int queries) => LaunchGrid.Groups(queries, AttentionTile.Queries);
}
