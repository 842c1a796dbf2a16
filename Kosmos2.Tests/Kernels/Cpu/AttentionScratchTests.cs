using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu.Attention;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;

namespace Kosmos2.Tests.Kernels.Cpu;

internal sealed class AttentionScratchTests
{
    /// <summary>Keys are packed and scored in whole panels of vectors: a chunk that ends amid one would write past its row, on machines with wide vectors only.</summary>
    [Test]
    public void AChunkIsWholePanelsOfEveryWidthAndWholeBlocks()
    {
        int[] parts = [Panel<Simd1>.Width, Panel<Simd128>.Width, Panel<Simd256>.Width, Panel<Simd512>.Width, KeyValueBlocks.BlockSize];
        Assert.That(parts, Has.All.Matches<int>(part => AttentionScratch<Simd512>.Chunk % part == 0));
    }
}
