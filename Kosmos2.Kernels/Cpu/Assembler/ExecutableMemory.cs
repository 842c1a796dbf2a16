using System.Runtime.InteropServices;

namespace Kosmos2.Kernels.Cpu.Assembler;

/// <summary>
/// Machine code in memory: written first, then made readable and executable, never writable and executable at once. Systems may refuse, and then
/// there is none.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int Private = 2;

    private const uint CommitAndReserve = 0x3000;
    private const uint Release = 0x8000;
    private const uint ReadWritePage = 0x04;
    private const uint ExecuteReadPage = 0x20;

    private readonly nuint _length;
    private void* _address;

    private ExecutableMemory(void* address, nuint length)
    {
        _address = address;
        _length = length;
    }

    ~ExecutableMemory() => Free();

    /// <summary>Address of the first byte of the code.</summary>
    public nint Address => (nint)_address;

    /// <summary>Copies code into executable memory; null when the system refuses it.</summary>
    public static ExecutableMemory? TryCreate(byte[] code)
    {
        var length = (nuint)code.Length;
        void* address = OperatingSystem.IsWindows()
            ? VirtualAlloc(null, length, CommitAndReserve, ReadWritePage)
            : Map(length);
        if (address == null)
            return null;
        var memory = new ExecutableMemory(address, length);
        code.CopyTo(new Span<byte>(address, code.Length));
        bool executable = OperatingSystem.IsWindows()
            ? VirtualProtect(address, length, ExecuteReadPage, out _) != 0 && FlushInstructionCache(-1, address, length) != 0
            : mprotect(address, length, Read | Execute) == 0;
        if (executable)
            return memory;
        memory.Dispose();
        return null;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void* Map(nuint length)
    {
        int anonymous = OperatingSystem.IsLinux() ? 0x20 : 0x1000;
        void* address = mmap(null, length, Read | Write, Private | anonymous, -1, 0);
        return (nint)address == -1 ? null : address;
    }

    private void Free()
    {
        if (_address == null)
            return;
        if (OperatingSystem.IsWindows())
            _ = VirtualFree(_address, 0, Release);
        else
            _ = munmap(_address, _length);
        _address = null;
    }

    [LibraryImport("libc")]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc")]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("kernel32")]
    private static partial void* VirtualAlloc(void* address, nuint length, uint kind, uint protection);

    [LibraryImport("kernel32")]
    private static partial int VirtualProtect(void* address, nuint length, uint protection, out uint old);

    [LibraryImport("kernel32")]
    private static partial int VirtualFree(void* address, nuint length, uint kind);

    [LibraryImport("kernel32")]
    private static partial int FlushInstructionCache(nint process, void* address, nuint length);
}
