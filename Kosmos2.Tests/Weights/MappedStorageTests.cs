using System.Globalization;
using Kosmos2.Weights;
using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Tests.Weights;

/// <summary>Pages of a mapped file that are said not to be needed leave the process, and come back when they are read.</summary>
[Platform("Linux", Reason = "elsewhere the system decides by itself")]
internal sealed class MappedStorageTests
{
    private const int Pages = 64;

    [Test]
    public unsafe void DiscardGivesWholePagesBack()
    {
        int page = Environment.SystemPageSize;
        var content = new byte[Pages * page];
        new Random(1).NextBytes(content);
        using var folder = new TemporaryFolder();
        string path = folder.Write("mapped", content);
        using SafeFileHandle handle = File.OpenHandle(path);
        using var storage = new MappedStorage(handle, content.Length);
        Assert.That(new ReadOnlySpan<byte>(storage.HostPointer, content.Length).SequenceEqual(content));
        Assert.That(Resident(path), Is.EqualTo(Pages * page));

        // Half a page, 31 whole ones and half a page.
        storage.Discard(page / 2, 32 * page);
        Assert.That(Resident(path), Is.EqualTo((Pages - 31) * page));
        Assert.That(new ReadOnlySpan<byte>(storage.HostPointer, content.Length).SequenceEqual(content));
        Assert.That(Resident(path), Is.EqualTo(Pages * page));
    }

    // Bytes of the file's map that are in memory for this process.
    private static long Resident(string path)
    {
        string size = File.ReadLines("/proc/self/smaps").SkipWhile(line => !line.EndsWith(path, StringComparison.Ordinal)).First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return 1024 * long.Parse(size.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
