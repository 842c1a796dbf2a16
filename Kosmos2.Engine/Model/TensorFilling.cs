using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Tables that are sent to a device.</summary>
internal static class TensorFilling
{
    /// <summary>Sends numbers to a tensor that was allocated for them; one that cannot be filled is freed.</summary>
    /// <returns>The tensor.</returns>
    public static Tensor Fill(this IBackend backend, Tensor tensor, ReadOnlySpan<float> values)
    {
        try
        {
            backend.Upload(values, tensor);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }
}
