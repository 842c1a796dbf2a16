using Kosmos2.Kernels;
using Kosmos2.Weights;
using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Tests.Weights;

/// <summary>Files that were whole once: cut anywhere, or with bits flipped.</summary>
internal sealed class DamagedSafetensorsTests
{
    [Test]
    public void EveryTruncationIsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = SmallFile(folder);
        string path = folder.Write("cut.safetensors", whole);
        for (int length = whole.Length - 1; length >= 0; length--)
        {
            using (SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Write))
                RandomAccess.SetLength(handle, length);
            Assert.That(() => SafetensorsFile.Open(path), Throws.TypeOf<SafetensorsException>(), $"{length} of {whole.Length} bytes");
        }
    }

    [Test]
    public void ARealModelCutShortIsRefused()
    {
        byte[] whole = File.ReadAllBytes(TestData.File("models", "single-layer", "model.safetensors"));
        using var folder = new TemporaryFolder();
        using SafetensorsFile file = SafetensorsFile.Open(TestData.File("models", "single-layer", "model.safetensors"));
        long[] ends = [0, 1, 7, 8, 9, file.DataOffset - 1, .. file.Entries.SelectMany(e => (long[])[e.Offset, e.Offset + 1]), whole.Length - 1];
        string path = folder.Write("cut.safetensors", whole);
        foreach (long end in ends.OrderDescending())
        {
            using (SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Write))
                RandomAccess.SetLength(handle, end);
            Assert.That(() => SafetensorsFile.Open(path), Throws.TypeOf<SafetensorsException>(), $"cut at {end}");
        }
    }

    [Test]
    public void FlippedBytesNeverDoWorseThanTheTypedException()
    {
        using var folder = new TemporaryFolder();
        byte[] small = SmallFile(folder);
        byte[] model = File.ReadAllBytes(TestData.File("models", "single-layer", "model.safetensors"));
        var random = new Random(20_240_607);
        int refused = 0;
        const int Runs = 10_000;
        for (int run = 0; run < Runs; run++)
        {
            // Mostly the small file, where a flip is likely to hit the header; one in fifty a real one.
            byte[] damaged = (byte[])(run % 50 == 0 ? model : small).Clone();
            int flips = random.Next(1, 4);
            for (int i = 0; i < flips; i++)
                damaged[random.Next(damaged.Length)] ^= (byte)random.Next(1, 256);
            string path = folder.Overwrite(run % 50 == 0 ? "flipped-model.safetensors" : "flipped.safetensors", damaged);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                ReadEverything(file);
            }
            catch (SafetensorsException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(Runs / 2, Runs - 100), "flips hit headers, which shows, and data, which cannot");
    }

    /// <summary>Three tensors of different types in some 400 bytes.</summary>
    private static byte[] SmallFile(TemporaryFolder folder)
    {
        string path = folder.File("small.safetensors");
        (string, DType, Shape)[] tensors = [("f", DType.F32, new Shape(3, 5)), ("h", DType.BF16, new Shape(7)), ("b", DType.Bool, new Shape())];
        using (var writer = new SafetensorsWriter(path, tensors, new Dictionary<string, string> { ["k"] = "v" }))
        {
            writer.Write<float>("f", 0, [.. Enumerable.Range(0, 15).Select(i => i / 3f)]);
            writer.Write<ushort>("h", 0, [1, 2, 3, 4, 5, 6, 7]);
            writer.Write<byte>("b", 0, [1]);
            writer.Complete();
        }

        return File.ReadAllBytes(path);
    }

    private static void ReadEverything(SafetensorsFile file)
    {
        long sum = 0;
        foreach (SafetensorsEntry entry in file.Entries)
        {
            Tensor tensor = file[entry.Name];
            switch (entry.DType.SizeInBytes())
            {
                case 1:
                    foreach (byte b in tensor.AsSpan<byte>())
                        sum += b;
                    break;
                case 2:
                    foreach (ushort b in tensor.AsSpan<ushort>())
                        sum += b;
                    break;
                case 4:
                    foreach (int b in tensor.AsSpan<int>())
                        sum += b;
                    break;
                default:
                    foreach (long b in tensor.AsSpan<long>())
                        sum += b;
                    break;
            }
        }

        Assert.That(sum, Is.Not.EqualTo(long.MinValue));
    }
}
