using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>How the model's parts hand results to a sink that may be absent.</summary>
internal static class SinkExtensions
{
    /// <summary>The name of a layer's result, <c>part.layer</c>; empty where nobody listens, so that a step without a sink makes no strings.</summary>
    public static string Layer(this IActivationSink? sink, string part, int layer) => sink is null ? "" : $"{part}.{layer}";

    /// <summary>Delivers a tensor if the sink wants it.</summary>
    public static void Offer(this IActivationSink? sink, IBackend backend, string name, Tensor tensor)
    {
        if (sink is not null && sink.Wants(name))
            sink.Deliver(backend, name, tensor);
    }

    /// <summary>Memory for attention probabilities if the sink wants them, otherwise null.</summary>
    public static Tensor? Probabilities(this IActivationSink? sink, IBackend backend, string name, params ReadOnlySpan<long> extents) =>
        sink is not null && sink.Wants(name) ? backend.Allocate(DType.F32, extents) : null;

    /// <summary>Delivers and frees what <see cref="Probabilities"/> made.</summary>
    public static void OfferProbabilities(this IActivationSink? sink, IBackend backend, string name, Tensor? probabilities)
    {
        if (probabilities is null)
            return;
        sink!.Deliver(backend, name, probabilities);
        probabilities.Dispose();
    }

    private static void Deliver(this IActivationSink sink, IBackend backend, string name, Tensor tensor)
    {
        var values = new float[checked((int)tensor.Shape.ElementCount)];
        backend.Download<float>(tensor, values);
        sink.Receive(name, values);
    }
}
