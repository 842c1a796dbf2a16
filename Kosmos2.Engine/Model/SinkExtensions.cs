using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>How the model's parts hand results to a sink that may be absent.</summary>
internal static class SinkExtensions
{
    /// <summary>Delivers a tensor if the sink wants it.</summary>
    public static void Offer(this IActivationSink? sink, IBackend backend, string part, int index, Tensor tensor)
    {
        if (sink is null)
            return;
        string name = index < 0 ? part : $"{part}.{index}";
        if (sink.Wants(name))
            sink.Deliver(backend, name, tensor);
    }

    /// <summary>Memory for attention probabilities if the sink wants them, otherwise null.</summary>
    public static Tensor? Probabilities(this IActivationSink? sink, IBackend backend, string part, int index, params ReadOnlySpan<long> extents)
    {
        if (sink is null || !sink.Wants(index < 0 ? part : $"{part}.{index}"))
            return null;
        return backend.Allocate(DType.F32, extents);
    }

    /// <summary>Delivers and frees what <see cref="Probabilities"/> made.</summary>
    public static void OfferProbabilities(this IActivationSink? sink, IBackend backend, string part, int index, Tensor? probabilities)
    {
        if (probabilities is null)
            return;
        sink!.Deliver(backend, index < 0 ? part : $"{part}.{index}", probabilities);
        probabilities.Dispose();
    }

    private static void Deliver(this IActivationSink sink, IBackend backend, string name, Tensor tensor)
    {
        var values = new float[checked((int)tensor.Shape.ElementCount)];
        backend.Download<float>(tensor, values);
        sink.Receive(name, values);
    }
}
