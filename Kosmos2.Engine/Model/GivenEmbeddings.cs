using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// The given rows of one pass as the one tensor it takes: prompts that begin together may each bring embeddings of their own. Embeddings that
/// all share are used as they are, others are copied together on the device.
/// </summary>
internal sealed class GivenEmbeddings(IBackend backend, int width) : IDisposable
{
    private readonly RowBuffer _joined = new(backend, width);
    private readonly List<Tensor> _parts = [];
    private int _rows;

    /// <summary>Begins a pass.</summary>
    public void Clear()
    {
        _parts.Clear();
        _rows = 0;
    }

    /// <summary>Adds what a prompt brings, if it brings something new.</summary>
    /// <returns>The row of the pass's tensor at which it begins.</returns>
    public int Add(Tensor? given)
    {
        if (given is null)
            return 0;
        int offset = 0;
        foreach (Tensor part in _parts)
        {
            if (ReferenceEquals(part, given))
                return offset;
            offset += part.Rows;
        }
        _parts.Add(given);
        _rows += given.Rows;
        return offset;
    }

    /// <summary>[rows, width] all that was added, or null when nothing was.</summary>
    public Tensor? Join()
    {
        if (_parts.Count <= 1)
            return _parts.Count == 0 ? null : _parts[0];
        Tensor joined = _joined[_rows];
        int offset = 0;
        foreach (Tensor part in _parts)
        {
            backend.Copy(part, joined.SliceRows(offset, part.Rows));
            offset += part.Rows;
        }
        return joined;
    }

    /// <inheritdoc/>
    public void Dispose() => _joined.Dispose();
}
