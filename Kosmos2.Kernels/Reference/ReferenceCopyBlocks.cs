namespace Kosmos2.Kernels.Reference;

/// <summary>For every pair and layer: keys[destination] = keys[source], values[destination] = values[source]; and bias[destination] = bias[source].</summary>
internal static class ReferenceCopyBlocks
{
    public static void Run(KeyValueBlocks blocks, ReadOnlySpan<(int Source, int Destination)> pairs)
    {
        foreach ((int source, int destination) in pairs)
        {
            for (int layer = 0; layer < blocks.Layers; layer++)
            {
                Block(blocks.Keys(layer), blocks.Capacity, source).CopyTo(Block(blocks.Keys(layer), blocks.Capacity, destination));
                Block(blocks.Values(layer), blocks.Capacity, source).CopyTo(Block(blocks.Values(layer), blocks.Capacity, destination));
            }
            Block(blocks.KeyBias, blocks.Capacity, source).CopyTo(Block(blocks.KeyBias, blocks.Capacity, destination));
        }
    }

    private static unsafe Span<byte> Block(Tensor cache, int capacity, int block)
    {
        long length = cache.ByteLength / capacity;
        return new Span<byte>(cache.HostPointer + (block * length), checked((int)length));
    }
}
