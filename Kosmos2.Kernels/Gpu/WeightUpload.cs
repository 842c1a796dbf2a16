using ILGPU.Runtime;

namespace Kosmos2.Kernels.Gpu;

/// <summary>
/// Weights on their way to a device. Two page-locked buffers take turns: the host fills one while the other is copied, and gives the pages of a mapped
/// file back behind it, so that a model of any size passes through a few megabytes.
/// </summary>
internal sealed class WeightUpload(Accelerator accelerator) : IDisposable
{
    /// <summary>Bytes of a buffer.</summary>
    public const int PieceBytes = 4 << 20;

    private readonly Lane[] _lanes = [new(accelerator), new(accelerator)];
    private int _turn;

    /// <summary>A copy on the device of a tensor in host memory.</summary>
    /// <exception cref="DeviceMemoryException">The device has no room for it.</exception>
    public unsafe DeviceStorage Send(Tensor source)
    {
        var storage = new DeviceStorage(accelerator, source.ByteLength);
        try
        {
            for (long offset = 0; offset < source.ByteLength; offset += PieceBytes)
            {
                int count = (int)Math.Min(PieceBytes, source.ByteLength - offset);
                _lanes[_turn].Send(new ReadOnlySpan<byte>(source.HostPointer + offset, count), storage, offset);
                _turn = (_turn + 1) % _lanes.Length;
                source.Storage.Discard(source.ByteOffset + offset, count);
            }
            foreach (Lane lane in _lanes)
                lane.Wait();
            return storage;
        }
        catch
        {
            storage.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Lane lane in _lanes)
            lane.Dispose();
    }

    /// <summary>A buffer, and the queue of the copies that read it.</summary>
    private sealed class Lane(Accelerator accelerator) : IDisposable
    {
        private readonly StagingBuffer _staging = new(accelerator);
        private readonly AcceleratorStream _queue = accelerator.CreateStream();

        public void Send(ReadOnlySpan<byte> piece, DeviceStorage destination, long offset)
        {
            Wait();
            piece.CopyTo(_staging.Bytes(piece.Length));
            _staging.CopyTo(_queue, destination, offset, piece.Length);
        }

        public void Wait() => _queue.Synchronize();

        public void Dispose()
        {
            _staging.Dispose();
            _queue.Dispose();
        }
    }
}
