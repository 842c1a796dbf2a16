using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>
/// A loop on every worker, each over its part of the memory: <paramref name="stride"/> 0 gives all the same vector. A loop of several streams finds them
/// <paramref name="streamStride"/> bytes apart.
/// </summary>
internal readonly unsafe struct RooflineJob(TileTable loop, byte* memory, nint stride, nint turns, nint streamStride) : IJob
{
    public void Run(int worker, int workers) => loop.Run(1, (float*)(memory + (worker * stride)), null, null, turns, streamStride);
}
