using System.Buffers.Binary;
using System.Diagnostics;
using Kosmos2.Kernels;
using Kosmos2.Weights;
using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Tests.Weights;

/// <summary>A file of 6 GB that takes no room on disk: opening it must touch its header and nothing else.</summary>
[Platform(Exclude = "Win", Reason = "NTFS would fill the hole with 6 GB of zeros")]
internal sealed class SparseFileTests
{
    private const long Elements = 1_500_000_000;

    [Test]
    public void OpeningTouchesTheHeaderOnly()
    {
        using var folder = new TemporaryFolder();
        string path = MakeSparse(folder);
        long before = ResidentBytes();
        var watch = Stopwatch.StartNew();
        using SafetensorsFile file = SafetensorsFile.Open(path);
        TimeSpan time = watch.Elapsed;
        long grown = ResidentBytes() - before;

        Tensor tensor = file["big"];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(tensor.ByteLength, Is.EqualTo(Elements * 4));
            Assert.That(grown, Is.LessThan(64L << 20), "resident bytes gained; the file has 6 GB");
            Assert.That(time, Is.LessThan(TimeSpan.FromSeconds(2)));
            Assert.That(tensor.SliceRows(1_499_999, 1).AsSpan<float>()[^1], Is.EqualTo(1f), "the last element, beyond 32 bits of offset");
            Assert.That(tensor.SliceRows(700_000, 1).AsSpan<float>()[0], Is.Zero);
        }
    }

    private static string MakeSparse(TemporaryFolder folder)
    {
        string json = $$$"""{"big":{"dtype":"F32","shape":[{{{Elements / 1000}}},1000],"data_offsets":[0,{{{Elements * 4}}}]}}""";
        byte[] header = MalformedSafetensorsTests.Prefixed(null, json);
        string path = folder.Write("sparse.safetensors", header);
        using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
        RandomAccess.SetLength(handle, header.Length + (Elements * 4));
        byte[] last = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(last, 1f);
        RandomAccess.Write(handle, last, header.Length + (Elements * 4) - 4);
        return path;
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}
