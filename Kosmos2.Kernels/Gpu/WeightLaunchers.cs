using ILGPU;
using ILGPU.Runtime;
using Kosmos2.Kernels.Gpu.Kernels;
using Floats = ILGPU.ArrayView<float>;
using Integers = ILGPU.ArrayView<int>;
using Stream = ILGPU.Runtime.AcceleratorStream;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The kernels that read a weight, whatever its stored type. What is absent (a bias, a residual) must still be some buffer.</summary>
internal abstract class WeightLaunchers
{
    /// <summary><see cref="FewRowKernels.Row"/>.</summary>
    public abstract void Row(
        Stream queue, KernelConfig groups, Tensor x, NormViews norm, LinearParameters layer, Tensor y, Tensor? residual, LinearOptions options);

    /// <summary><see cref="FewRowKernels.ThreeLayers"/>: layers whose weights have one type.</summary>
    public abstract void ThreeLayers(
        Stream queue, KernelConfig groups, Tensor x, NormViews norm, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LinearOptions options);

    /// <summary><see cref="TiledLinearKernels.Tiled"/>.</summary>
    public abstract void Tiled(Stream queue, KernelConfig groups, Floats x, LinearParameters layer, Tensor y, Tensor? residual, LinearOptions options);

    /// <summary><see cref="TiledLinearKernels.ThreeTiled"/>: layers whose weights have one type.</summary>
    public abstract void ThreeTiled(
        Stream queue, KernelConfig groups, Floats x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LinearOptions options);

    /// <summary><see cref="EmbeddingKernels.EmbedRows"/>.</summary>
    public abstract void EmbedRows(
        Stream queue, Integers tokenIds, Integers givenRows, Integers positionRows, PreparedWeight embeddings, Tensor? given, Tensor positions, Tensor y, float scale);
}

/// <summary>Those for one stored type, each compiled when it is first asked for and kept.</summary>
/// <param name="accelerator">The device.</param>
/// <param name="view">Makes the view of a weight of that type.</param>
internal sealed class WeightLaunchers<TWeight>(Accelerator accelerator, Func<DeviceWeight, TWeight> view) : WeightLaunchers
    where TWeight : struct, IWeightView
{
    private Action<Stream, KernelConfig, Floats, NormViews, LayerViews<TWeight>, Floats, LinearOptions>? _row;
    private Action<Stream, KernelConfig, Floats, NormViews, LayerViews<TWeight>, LayerViews<TWeight>, LayerViews<TWeight>, LinearOptions>? _threeLayers;
    private Action<Stream, KernelConfig, Floats, LayerViews<TWeight>, Floats, LinearOptions>? _tiled;
    private Action<Stream, KernelConfig, Floats, LayerViews<TWeight>, LayerViews<TWeight>, LayerViews<TWeight>, LinearOptions>? _threeTiled;
    private Action<Stream, Index1D, Integers, Integers, Integers, TWeight, Floats, Floats, Floats, int, float>? _embedRows;

    public override void Row(
        Stream queue, KernelConfig groups, Tensor x, NormViews norm, LinearParameters layer, Tensor y, Tensor? residual, LinearOptions options)
    {
        _row ??= accelerator.LoadKernel<Floats, NormViews, LayerViews<TWeight>, Floats, LinearOptions>(
            FewRowKernels.Row, Residency.Of(typeof(FewRowKernels), accelerator.MaxNumThreadsPerGroup));
        _row(queue, groups, x.Floats(), norm, Layer(layer, y), (residual ?? y).Floats(), options);
    }

    public override void ThreeLayers(
        Stream queue, KernelConfig groups, Tensor x, NormViews norm, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LinearOptions options)
    {
        _threeLayers ??= accelerator.LoadKernel<Floats, NormViews, LayerViews<TWeight>, LayerViews<TWeight>, LayerViews<TWeight>, LinearOptions>(
            FewRowKernels.ThreeLayers, Residency.Of(typeof(FewRowKernels), accelerator.MaxNumThreadsPerGroup));
        _threeLayers(queue, groups, x.Floats(), norm, Layer(layers[0], y[0]), Layer(layers[1], y[1]), Layer(layers[2], y[2]), options);
    }

    public override void Tiled(Stream queue, KernelConfig groups, Floats x, LinearParameters layer, Tensor y, Tensor? residual, LinearOptions options)
    {
        _tiled ??= accelerator.LoadKernel<Floats, LayerViews<TWeight>, Floats, LinearOptions>(TiledLinearKernels.Tiled);
        _tiled(queue, groups, x, Layer(layer, y), (residual ?? y).Floats(), options);
    }

    public override void ThreeTiled(
        Stream queue, KernelConfig groups, Floats x, ReadOnlySpan<LinearParameters> layers, ReadOnlySpan<Tensor> y, LinearOptions options)
    {
        _threeTiled ??= accelerator.LoadKernel<Floats, LayerViews<TWeight>, LayerViews<TWeight>, LayerViews<TWeight>, LinearOptions>(TiledLinearKernels.ThreeTiled);
        _threeTiled(queue, groups, x, Layer(layers[0], y[0]), Layer(layers[1], y[1]), Layer(layers[2], y[2]), options);
    }

    public override void EmbedRows(
        Stream queue, Integers tokenIds, Integers givenRows, Integers positionRows, PreparedWeight embeddings, Tensor? given, Tensor positions, Tensor y, float scale)
    {
        _embedRows ??= accelerator.LoadAutoGroupedKernel<Index1D, Integers, Integers, Integers, TWeight, Floats, Floats, Floats, int, float>(
            EmbeddingKernels.EmbedRows);
        _embedRows(
            queue,
            (int)y.Shape.ElementCount,
            tokenIds,
            givenRows,
            positionRows,
            View(embeddings),
            (given ?? positions).Floats(),
            positions.Floats(),
            y.Floats(),
            y.Width,
            scale);
    }

    private TWeight View(PreparedWeight weight) => view((DeviceWeight)weight);

    private LayerViews<TWeight> Layer(LinearParameters layer, Tensor y) =>
        new(View(layer.Weight), (layer.Bias ?? y).Floats(), y.Floats(), layer.Outputs, layer.Bias is null ? 0 : 1);
}
