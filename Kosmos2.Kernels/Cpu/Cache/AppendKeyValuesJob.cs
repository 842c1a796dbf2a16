using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Cache;

/// <summary>Writes each row of k and v, head by head, to its slot of the cache.</summary>
internal unsafe struct AppendKeyValuesJob<TFormat> : IJob
    where TFormat : ICachedFormat
{
    /// <summary>[Rows, Heads * HeadSize].</summary>
    public float* K;
    public float* V;

    /// <summary>[blocks, Heads] parts, each as the format lays it out.</summary>
    public byte* Keys;
    public byte* Values;

    public int Rows;
    public int Heads;
    public int HeadSize;
    public int* Slots;

    /// <summary>For each worker, room for a head's part of a row.</summary>
    public float* Scratch;
    public nint ScratchStride;

    // Head by head: a key is written to a line for each of its elements, which then are still at hand for the sequence's next one.
    public readonly void Run(int worker, int workers)
    {
        var room = (byte*)(Scratch + (worker * ScratchStride));
        int end = (int)((long)Heads * (worker + 1) / workers);
        for (int head = (int)((long)Heads * worker / workers); head < end; head++)
        {
            for (int row = 0; row < Rows; row++)
            {
                int slot = Slots[row] % KeyValueBlocks.BlockSize;
                nint source = (((nint)row * Heads) + head) * HeadSize;
                nint part = (((nint)(Slots[row] / KeyValueBlocks.BlockSize) * Heads) + head) * CachedHead<TFormat>.Bytes(HeadSize);
                new CachedHead<TFormat>(Keys + part, HeadSize).StoreKey(K + source, slot, room);
                new CachedHead<TFormat>(Values + part, HeadSize).StoreValue(V + source, slot);
            }
        }
    }
}
