using System.Buffers.Binary;
using System.Text;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>One hand-made file for each rule of the format.</summary>
internal sealed class MalformedSafetensorsTests
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    private static IEnumerable<TestCaseData> Cases()
    {
        // The prefix and the header as a whole.
        yield return Case("empty file", [], "the file has 0 bytes; a safetensors file begins with 8 that give its header's length (at byte 0)");
        yield return Case("seven bytes", new byte[7], "the file has 7 bytes");
        yield return Case("header past the end", Prefixed(100, "{}"), "the header's length is 100 bytes, but only 2 follow in the file (at byte 0)");
        yield return Case("header over the limit", Prefixed(100_000_001, "{}"), "the header's length is 100000001 bytes; at most 100000000 are allowed");
        yield return Case("header length with the top bit", Prefixed(0x8000_0000_0000_0002, "{}"), "the header's length is 9223372036854775810 bytes; at most");
        yield return Case("empty header", Prefixed(0, ""), "the header is empty");
        yield return Case("not UTF-8", [2, 0, 0, 0, 0, 0, 0, 0, (byte)'{', 0xff], "the header is not UTF-8 (at byte 8)");
        yield return Text("leading space", " {}", 0, "the header begins with byte 0x20; it must be a JSON object and begin with {");
        yield return Text("an array", "[]", 0, "the header begins with byte 0x5b");
        yield return Text("a byte order mark", "\uFEFF{}", 0, "the header begins with byte 0xef");
        yield return Text("cut JSON", """{"a":{""", 0, "the header is not JSON");
        yield return Text("a comment", "{/* */}", 0, "the header is not JSON");
        yield return Text("a trailing comma", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}""", 8, "the header is not JSON");
        yield return Text("two documents", "{}{}", 0, "the header is not JSON");
        yield return Text("text behind the object", "{} x", 0, "the header is not JSON");
        yield return Text("NUL padding", "{}\0\0", 0, "the header is not JSON");
        yield return Text("deep nesting", "{\"a\":{\"dtype\":" + new string('[', 100_000), 0, "tensor 'a': dtype is an array; it must be a string");
        yield return Text("deep nesting in an unknown field", $$$"""{"a":{"x":{{{new string('[', 100_000)}}}""", 0, "the header is not JSON");
        yield return Text("half a surrogate pair", """{"\ud800":{}}""", 0, "the header holds a string with half a surrogate pair (at byte 9)");

        // Names and metadata.
        yield return Text("a name twice", Good[..^1] + "," + Good[1..], 8, "tensor 'a': the name stands in the header twice (at byte 62)");
        yield return Text("a name twice, once escaped", Good[..^1] + "," + Good[1..].Replace("\"a\"", "\"\\u0061\"", StringComparison.Ordinal), 8, "'a': the name stands in the header twice");
        yield return Text("metadata is an array", """{"__metadata__":[]}""", 0, "__metadata__ is an array; it must be an object of strings");
        yield return Text("metadata is null", """{"__metadata__":null}""", 0, "__metadata__ is null; it must be an object of strings");
        yield return Text("metadata holds a number", """{"__metadata__":{"k":1}}""", 0, "__metadata__ 'k' is a number; it must be a string");
        yield return Text("metadata key twice", """{"__metadata__":{"k":"1","k":"2"}}""", 0, "__metadata__ holds 'k' twice");
        yield return Text("metadata twice", """{"__metadata__":{},"__metadata__":{}}""", 0, "'__metadata__': the name stands in the header twice");

        // One tensor's fields.
        yield return Text("a tensor is a number", """{"a":1}""", 0, "tensor 'a': is described by a number; it must be an object with dtype, shape and data_offsets (at byte 13)");
        yield return Text("no dtype", """{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "tensor 'a': has no dtype");
        yield return Text("no shape", """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "tensor 'a': has no shape");
        yield return Text("no data_offsets", """{"a":{"dtype":"F32","shape":[2]}}""", 8, "tensor 'a': has no data_offsets");
        yield return Tensor("dtype twice", "\"dtype\":\"F32\",\"dtype\":\"F32\"", "[2]", "[0,8]", 8, "dtype is given twice");
        yield return Tensor("shape twice", "\"dtype\":\"F32\",\"shape\":[2]", "[2]", "[0,8]", 8, "shape is given twice");
        yield return Tensor("offsets twice", "\"dtype\":\"F32\",\"data_offsets\":[0,8]", "[2]", "[0,8]", 8, "data_offsets are given twice");
        yield return Tensor("dtype is a number", "\"dtype\":7", "[2]", "[0,8]", 8, "dtype is a number; it must be a string");
        yield return Tensor("unknown dtype", "\"dtype\":\"F33\"", "[2]", "[0,8]", 8, "dtype 'F33' is unknown");
        yield return Tensor("lower-case dtype", "\"dtype\":\"f32\"", "[2]", "[0,8]", 8, "dtype 'f32' is unknown");
        foreach (string type in (string[])["F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "U16", "U64"])
            yield return Tensor($"dtype {type}", $"\"dtype\":\"{type}\"", "[2]", "[0,8]", 8, $"dtype {type} is not supported");
        yield return Tensor("shape is a number", "\"dtype\":\"F32\"", "2", "[0,8]", 8, "shape is a number; it must be an array of integers");
        yield return Tensor("shape holds a string", "\"dtype\":\"F32\"", "[\"2\"]", "[0,8]", 8, "shape holds a string; it must hold integers");
        yield return Tensor("shape holds an array", "\"dtype\":\"F32\"", "[[2]]", "[0,8]", 8, "shape holds an array; it must hold integers");
        yield return Tensor("negative shape", "\"dtype\":\"F32\"", "[-2]", "[0,8]", 8, "shape holds a negative number");
        yield return Tensor("minus zero", "\"dtype\":\"F32\"", "[-0]", "[0,0]", 0, "shape holds a negative number");
        yield return Tensor("fractional shape", "\"dtype\":\"F32\"", "[2.0]", "[0,8]", 8, "shape holds a number that is not an integer");
        yield return Tensor("exponent in shape", "\"dtype\":\"F32\"", "[2e0]", "[0,8]", 8, "shape holds a number that is not an integer");
        yield return Tensor("shape over 63 bits", "\"dtype\":\"F32\"", "[9223372036854775808]", "[0,8]", 8, "shape holds a number over 2^63 - 1");
        yield return Tensor("overflowing product", "\"dtype\":\"I8\"", "[4294967296,4294967296]", "[0,0]", 0, "shape [4294967296, 4294967296] of I8 has more than 2^63 - 1 bytes");
        yield return Tensor("overflowing product with a zero", "\"dtype\":\"I8\"", "[4294967296,4294967296,0]", "[0,0]", 0, "has more than 2^63 - 1 bytes");
        yield return Tensor("overflowing bytes", "\"dtype\":\"F64\"", "[4611686018427387904]", "[0,8]", 8, "shape [4611686018427387904] of F64 has more than 2^63 - 1 bytes");
        yield return Tensor("65 axes", "\"dtype\":\"F32\"", $"[{string.Join(',', Enumerable.Repeat(1, 65))}]", "[0,4]", 4, "shape has more than 64 values");

        // One tensor's place.
        yield return Tensor("offsets are a string", "\"dtype\":\"F32\"", "[2]", "\"0\"", 8, "data_offsets is a string; it must be an array of integers");
        yield return Tensor("no offset", "\"dtype\":\"F32\"", "[2]", "[]", 8, "data_offsets has 0 values; it must be [begin, end]");
        yield return Tensor("one offset", "\"dtype\":\"F32\"", "[2]", "[0]", 8, "data_offsets has 1 values; it must be [begin, end]");
        yield return Tensor("three offsets", "\"dtype\":\"F32\"", "[2]", "[0,8,8]", 8, "data_offsets has more than 2 values");
        yield return Tensor("negative offset", "\"dtype\":\"F32\"", "[2]", "[-8,0]", 8, "data_offsets holds a negative number");
        yield return Tensor("end before begin", "\"dtype\":\"F32\"", "[2]", "[8,0]", 8, "data_offsets [8, 0] end before they begin");
        yield return Tensor("size too small", "\"dtype\":\"F32\"", "[2]", "[0,4]", 4, "data_offsets [0, 4] are 4 bytes; F32 [2] has 8");
        yield return Tensor("size too large", "\"dtype\":\"F32\"", "[2]", "[0,12]", 12, "data_offsets [0, 12] are 12 bytes; F32 [2] has 8");
        yield return Tensor("size of a scalar", "\"dtype\":\"F16\"", "[]", "[0,4]", 4, "data_offsets [0, 4] are 4 bytes; F16 [] has 2");
        yield return Tensor("begins late", "\"dtype\":\"F32\"", "[2]", "[8,16]", 16, "data_offsets [8, 16] leave a hole after the data before them, which ends at 0");
        yield return Tensor("past the end", "\"dtype\":\"F32\"", "[2]", "[0,8]", 7, "data_offsets [0, 8] reach past the end of the data, which has 7 bytes");
        yield return Tensor("far past the end", "\"dtype\":\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]", 8, "reach past the end of the data, which has 8 bytes");

        // Tensors side by side.
        yield return Text("overlap", Two("[0,8]", "[4,12]"), 12, "tensor 'b': data_offsets [4, 12] overlap the data before them, which ends at 8");
        yield return Text("the same place", Two("[0,8]", "[0,8]"), 8, "data_offsets [0, 8] overlap the data before them, which ends at 8");
        yield return Text("hole", Two("[0,8]", "[12,20]"), 20, "tensor 'b': data_offsets [12, 20] leave a hole after the data before them, which ends at 8");
        yield return Text("bytes behind", Good, 9, $"1 bytes follow the last tensor; the file must end with it (at byte {8 + Good.Length + 8})");
        yield return Text("data without tensors", "{}", 1, "1 bytes follow the last tensor");
    }

    [TestCaseSource(nameof(Cases))]
    public void IsRefusedWithItsOwnMessage(byte[] content, string message)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.safetensors", content);
        SafetensorsException error = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path).Dispose())!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(error.Message, Does.StartWith($"{path}: ").And.Contain(message).And.Match(@"\(at byte \d+\)$"));
            Assert.That(error.FilePath, Is.EqualTo(path));
            Assert.That(error.Offset, Is.InRange(0, content.Length));
        }
    }

    [Test]
    public void AHostileNameCannotSteerTheTerminal()
    {
        using var folder = new TemporaryFolder();
        string name = "\\u001b[2J" + new string('x', 10_000);
        string path = folder.Write("x.safetensors", Prefixed(null, $$"""{"{{name}}":1}"""));
        SafetensorsException error = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path))!;
        Assert.That(error.Message, Does.Contain("'\\u001b[2Jxxx").And.Not.Contain("\u001b"));
        Assert.That(error.Message, Has.Length.LessThan(400 + path.Length));
    }

    [Test]
    public void AMissingFileIsNoFormatError()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("none.safetensors");
        Assert.That(() => SafetensorsFile.Open(path), Throws.TypeOf<FileNotFoundException>().With.Message.EqualTo($"{path}: no such file"));
        Assert.That(() => SafetensorsFile.Open(folder.Path), Throws.TypeOf<FileNotFoundException>());
    }

    [Test]
    public void WhatTheFormatAllowsIsAccepted()
    {
        using var folder = new TemporaryFolder();
        const string Header = """
            {"z":{"data_offsets":[8,8],"shape":[0,3],"dtype":"F64","later":{"x":[1]}},
             "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
             "s":{"dtype":"BOOL","shape":[],"data_offsets":[8,9]},
             "__metadata__":{"k":"v"}}

            """;
        string path = folder.Write("x.safetensors", [.. Prefixed(null, Header), 0, 0, 128, 63, 0, 0, 0, 64, 1]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(file.Entries.Select(e => e.Name), Is.EqualTo(new[] { "a", "z", "s" }));
            Assert.That(file["a"].AsSpan<float>().ToArray(), Is.EqualTo(new[] { 1f, 2f }));
            Assert.That(file["z"].AsSpan<double>().Length, Is.Zero);
            Assert.That(file["s"].AsSpan<byte>().ToArray(), Is.EqualTo(new byte[] { 1 }));
            Assert.That(file.Metadata["k"], Is.EqualTo("v"));
        }
    }

    [Test]
    public void UnalignedDataIsRead()
    {
        using var folder = new TemporaryFolder();
        for (int pad = 0; pad < 8; pad++)
        {
            string path = folder.Write($"{pad}.safetensors", [.. Prefixed(null, Good + new string(' ', pad)), 0, 0, 128, 63, 0, 0, 0, 64]);
            using SafetensorsFile file = SafetensorsFile.Open(path);
            Assert.That(file["a"].AsSpan<float>().ToArray(), Is.EqualTo(new[] { 1f, 2f }), $"{pad} spaces");
        }
    }

    internal static byte[] Prefixed(ulong? length, string header)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length ?? (ulong)json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }

    private static TestCaseData Case(string name, byte[] content, string message) => new TestCaseData(content, message).SetArgDisplayNames(name);

    private static TestCaseData Text(string name, string header, int dataLength, string message) =>
        Case(name, [.. Prefixed(null, header), .. new byte[dataLength]], message);

    private static TestCaseData Tensor(string name, string type, string shape, string offsets, int dataLength, string message) =>
        Text(name, $$$"""{"a":{{{{type}}},"shape":{{{shape}}},"data_offsets":{{{offsets}}}}}""", dataLength, message);

    private static string Two(string first, string second) =>
        $$$"""{"a":{"dtype":"F32","shape":[2],"data_offsets":{{{first}}}},"b":{"dtype":"F32","shape":[2],"data_offsets":{{{second}}}}}""";
}
