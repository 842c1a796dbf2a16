using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Buffers that all layers of an encoder or decoder share.</summary>
/// <param name="backend">The device.</param>
/// <param name="width">Width of the hidden states.</param>
/// <param name="inner">Width inside the feed-forward part.</param>
internal sealed class LayerActivations(IBackend backend, int width, int inner) : IDisposable
{
    public RowBuffer Query { get; } = new(backend, width);

    public RowBuffer Key { get; } = new(backend, width);

    public RowBuffer Value { get; } = new(backend, width);

    public RowBuffer Context { get; } = new(backend, width);

    public RowBuffer Inner { get; } = new(backend, inner);

    public void Dispose()
    {
        Query.Dispose();
        Key.Dispose();
        Value.Dispose();
        Context.Dispose();
        Inner.Dispose();
    }
}
