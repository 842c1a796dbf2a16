using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Cpu.Memory;

/// <summary>Working memory that grows to the largest request and is then used again: 64-byte aligned, not cleared.</summary>
internal sealed unsafe class ScratchBuffer : IDisposable
{
    private void* _memory;
    private long _capacity;

    ~ScratchBuffer() => Free();

    /// <summary>Memory for at least that many floats; what an earlier call returned is void.</summary>
    public float* Reserve(long floats)
    {
        if (floats > _capacity)
            Grow(floats);
        return (float*)_memory;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Grow(long floats)
    {
        Free();
        // A quarter more than asked: sequences that grow by one key a step then move the buffer rarely.
        long capacity = checked(floats + (floats / 4) + 1024);
        _memory = Pages.Reserve(checked((nuint)capacity * sizeof(float)));
        _capacity = capacity;
        NativeBytes.Add(capacity * sizeof(float));
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_memory);
        NativeBytes.Remove(_capacity * sizeof(float));
        _memory = null;
        _capacity = 0;
    }
}
