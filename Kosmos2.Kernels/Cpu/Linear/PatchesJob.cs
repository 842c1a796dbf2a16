using System.Runtime.CompilerServices;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Linear;

/// <summary>Copies the patches of a picture [Channels, Height, Width] into rows [patches, Channels * Side * Side], patches in row-major order.</summary>
internal unsafe struct PatchesJob : IJob
{
    public float* Pixels;
    public float* Rows;
    public int Channels;
    public int Height;
    public int Width;
    public int Side;

    public readonly void Run(int worker, int workers)
    {
        int across = Width / Side;
        int patches = Height / Side * across;
        int end = (int)((long)patches * (worker + 1) / workers);
        for (int patch = (int)((long)patches * worker / workers); patch < end; patch++)
        {
            float* row = Rows + ((nint)patch * Channels * Side * Side);
            float* corner = Pixels + ((nint)(patch / across) * Side * Width) + (patch % across * Side);
            for (int channel = 0; channel < Channels; channel++)
            {
                for (int line = 0; line < Side; line++)
                {
                    Unsafe.CopyBlockUnaligned(row, corner + ((((nint)channel * Height) + line) * Width), (uint)Side * sizeof(float));
                    row += Side;
                }
            }
        }
    }
}
