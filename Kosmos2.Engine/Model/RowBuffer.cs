using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>
/// An activation matrix [rows, width] on the backend for any number of rows: grown when more are asked for, never shrunk. The view for
/// each row count is kept, so that a step of a size seen before allocates nothing. Content does not survive growth.
/// </summary>
internal sealed class RowBuffer(IBackend backend, int width, DType type = DType.F32) : IDisposable
{
    private readonly Dictionary<int, Tensor> _views = [];
    private Tensor? _memory;

    /// <summary>The first <paramref name="rows"/> rows.</summary>
    public Tensor this[int rows]
    {
        get
        {
            if (_views.TryGetValue(rows, out Tensor? view))
                return view;
            Reserve(rows);
            view = _memory!.SliceRows(0, rows);
            _views.Add(rows, view);
            return view;
        }
    }

    /// <summary>Makes room for so many rows.</summary>
    public void Reserve(int rows)
    {
        if (_memory is not null && rows <= _memory.Rows)
            return;
        Dispose();
        _memory = backend.Allocate(type, Math.Max(rows, 1), width);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _views.Clear();
        if (_memory is null)
            return;
        backend.Synchronize();
        _memory.Dispose();
        _memory = null;
    }
}
