namespace Kosmos2.Kernels.Reference;

/// <summary>
/// For each entry b, head h and query i: p = softmax over j of scale * (q[b, i, h] . k[b, j, h]); y[b, i, h] = sum over j of p[j] v[b, j, h].
/// q and y [batch, queries, heads, size] (q perhaps without batch), k and v [batch, keys, heads, size].
/// </summary>
internal static class ReferenceAttention
{
    public static void Run(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities)
    {
        int queries = y.Rows / batch;
        int keys = k.Rows / batch;
        int size = y.Width / heads;
        bool shared = q.Rows != y.Rows;
        var p = new double[keys];
        for (int b = 0; b < batch; b++)
        {
            for (int h = 0; h < heads; h++)
            {
                for (int i = 0; i < queries; i++)
                {
                    ReadOnlySpan<float> query = Head(q, shared ? i : (b * queries) + i, h, size);
                    for (int j = 0; j < keys; j++)
                        p[j] = scale * Dot(query, Head(k, (b * keys) + j, h, size));
                    ReferenceSoftmax.Run(p);

                    for (int d = 0; d < size; d++)
                    {
                        double sum = 0;
                        for (int j = 0; j < keys; j++)
                            sum += p[j] * Head(v, (b * keys) + j, h, size)[d];
                        Head(y, (b * queries) + i, h, size)[d] = (float)sum;
                    }
                    for (int j = 0; probabilities is not null && j < keys; j++)
                        probabilities.AsSpan<float>()[(((((b * heads) + h) * queries) + i) * keys) + j] = (float)p[j];
                }
            }
        }
    }

    internal static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }

    /// <summary>Head h of a row of [rows, heads, size].</summary>
    internal static Span<float> Head(Tensor tensor, int row, int h, int size) => tensor.Row(row).Slice(h * size, size);
}
