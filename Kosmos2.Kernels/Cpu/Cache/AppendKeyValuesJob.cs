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

    public readonly void Run(int worker, int workers)
    {
        int end = (int)((long)Rows * (worker + 1) / workers);
        for (int row = (int)((long)Rows * worker / workers); row < end; row++)
        {
            nint block = Slots[row] / KeyValueBlocks.BlockSize;
            int place = Slots[row] % KeyValueBlocks.BlockSize;
            for (int head = 0; head < Heads; head++)
            {
                nint source = (((nint)row * Heads) + head) * HeadSize;
                nint part = ((block * Heads) + head) * TFormat.HeadBytes(HeadSize);
                TFormat.Store(K + source, Keys + part, place, HeadSize);
                TFormat.Store(V + source, Values + part, place, HeadSize);
            }
        }
    }
}
