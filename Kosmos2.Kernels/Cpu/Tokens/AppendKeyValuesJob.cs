using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Tokens;

/// <summary>Copies each row of k and v, head by head, to its slot of the cache.</summary>
internal unsafe struct AppendKeyValuesJob : IJob
{
    /// <summary>[Rows, Heads * HeadSize].</summary>
    public float* K;
    public float* V;

    /// <summary>[blocks, Heads, BlockSize, HeadSize].</summary>
    public float* Keys;
    public float* Values;

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
            nint place = Slots[row] % KeyValueBlocks.BlockSize;
            for (int head = 0; head < Heads; head++)
            {
                nint source = (((nint)row * Heads) + head) * HeadSize;
                nint destination = ((((block * Heads) + head) * KeyValueBlocks.BlockSize) + place) * HeadSize;
                Unsafe.CopyBlockUnaligned(Keys + destination, K + source, (uint)HeadSize * sizeof(float));
                Unsafe.CopyBlockUnaligned(Values + destination, V + source, (uint)HeadSize * sizeof(float));
            }
        }
    }
}
