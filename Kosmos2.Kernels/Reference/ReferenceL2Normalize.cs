namespace Kosmos2.Kernels.Reference;

/// <summary>y[r, i] = x[r, i] / max(sqrt(sum over j of x[r, j]^2), 1e-12).</summary>
internal static class ReferenceL2Normalize
{
    public static void Run(Tensor x, Tensor y)
    {
        for (int r = 0; r < x.Rows; r++)
        {
            double squares = 0;
            foreach (float value in x.Row(r))
                squares += (double)value * value;
            double length = Math.Max(Math.Sqrt(squares), 1e-12);
            for (int i = 0; i < x.Width; i++)
                y.Row(r)[i] = (float)(x.Row(r)[i] / length);
        }
    }
}
