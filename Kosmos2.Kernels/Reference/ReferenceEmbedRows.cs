namespace Kosmos2.Kernels.Reference;

/// <summary>
/// y[r] = e * scale + positions[Positions[r]], where e is given[GivenRows[r]] or, where that is negative, embeddings[TokenIds[r]].
/// </summary>
internal static class ReferenceEmbedRows
{
    public static void Run(StepTable step, ReferenceWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        var row = new double[y.Width];
        for (int r = 0; r < step.RowCount; r++)
        {
            int g = step.GivenRows[r];
            if (g < 0)
                embeddings.ReadRow(step.TokenIds[r], row);
            ReadOnlySpan<float> position = positions.Row(step.Positions[r]);
            for (int i = 0; i < row.Length; i++)
            {
                double e = g < 0 ? row[i] : given!.Row(g)[i];
                y.Row(r)[i] = (float)((e * scale) + position[i]);
            }
        }
    }
}
