using System.Text.Json;
using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>Walks a header's JSON once and collects what it declares, checking each tensor by itself.</summary>
internal ref struct SafetensorsHeaderParser
{
    /// <summary>More axes than any framework makes; a bound on what a hostile header can make us allocate for one tensor.</summary>
    private const int MaxRank = 64;

    private readonly string _path;
    private Utf8JsonReader _reader;

    public SafetensorsHeaderParser(string path, ReadOnlySpan<byte> json)
    {
        _path = path;
        _reader = new Utf8JsonReader(json);
        Tensors = [];
        Metadata = new Dictionary<string, string>(StringComparer.Ordinal);
    }

    /// <summary>The tensors, in the order of the header.</summary>
    public List<Declaration> Tensors { get; }

    /// <summary>The <c>__metadata__</c> object.</summary>
    public Dictionary<string, string> Metadata { get; }

    private readonly long Offset => SafetensorsHeader.PrefixLength + _reader.TokenStartIndex;

    /// <summary>Parses the whole header.</summary>
    public void Run()
    {
        try
        {
            ReadDocument();
        }
        catch (JsonException e)
        {
            long offset = SafetensorsHeader.PrefixLength + _reader.BytesConsumed;
            throw new SafetensorsException(_path, null, offset, $"the header is not JSON: {e.Message}", e);
        }
    }

    private void ReadDocument()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        _reader.Read();
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            string name = ReadString(null);
            if (!names.Add(name))
                throw Error(name, "the name stands in the header twice");
            _reader.Read();
            if (name == "__metadata__")
                ReadMetadata();
            else
                Tensors.Add(ReadTensor(name));
        }

        // Throws when anything but white space follows.
        while (_reader.Read())
        {
        }
    }

    private void ReadMetadata()
    {
        if (_reader.TokenType != JsonTokenType.StartObject)
            throw Error(null, $"__metadata__ is {Describe(_reader.TokenType)}; it must be an object of strings");
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            string key = ReadString(null);
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.String)
                throw Error(null, $"__metadata__ {Kosmos2FormatException.Quote(key)} is {Describe(_reader.TokenType)}; it must be a string");
            if (!Metadata.TryAdd(key, ReadString(null)))
                throw Error(null, $"__metadata__ holds {Kosmos2FormatException.Quote(key)} twice");
        }
    }

    private Declaration ReadTensor(string name)
    {
        long start = Offset;
        if (_reader.TokenType != JsonTokenType.StartObject)
            throw Error(name, $"is described by {Describe(_reader.TokenType)}; it must be an object with dtype, shape and data_offsets");
        DType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndObject)
        {
            string field = ReadString(name);
            _reader.Read();
            switch (field)
            {
                case "dtype":
                    type = type is null ? ReadDType(name) : throw Error(name, "dtype is given twice");
                    break;
                case "shape":
                    shape = shape is null ? ReadIntegers(name, field, MaxRank) : throw Error(name, "shape is given twice");
                    break;
                case "data_offsets":
                    offsets = offsets is null ? ReadIntegers(name, field, 2) : throw Error(name, "data_offsets are given twice");
                    break;
                default:
                    // As the reference implementation: fields of later versions are passed over.
                    _reader.Skip();
                    break;
            }
        }

        if (type is null || shape is null || offsets is null)
            throw Error(name, $"has no {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
        return Check(name, type.Value, shape, offsets, start);
    }

    /// <summary>Holds the data's size against type and shape.</summary>
    private readonly Declaration Check(string name, DType type, long[] extents, long[] offsets, long start)
    {
        Shape shape;
        long size;
        try
        {
            shape = new Shape(extents);
            size = checked(shape.ElementCount * type.SizeInBytes());
        }
        catch (OverflowException e)
        {
            throw new SafetensorsException(_path, name, start, $"shape [{string.Join(", ", extents)}] of {type} has more than 2^63 - 1 bytes", e);
        }

        if (offsets.Length != 2)
            throw new SafetensorsException(_path, name, start, $"data_offsets has {offsets.Length} values; it must be [begin, end]");
        if (offsets[0] > offsets[1])
            throw new SafetensorsException(_path, name, start, $"data_offsets [{offsets[0]}, {offsets[1]}] end before they begin");
        long length = offsets[1] - offsets[0];
        if (length != size)
        {
            string problem = $"data_offsets [{offsets[0]}, {offsets[1]}] are {length} bytes; {type} {shape} has {size}";
            throw new SafetensorsException(_path, name, start, problem);
        }

        return new Declaration(name, type, shape, offsets[0], offsets[1], start);
    }

    private DType ReadDType(string name)
    {
        if (_reader.TokenType != JsonTokenType.String)
            throw Error(name, $"dtype is {Describe(_reader.TokenType)}; it must be a string");
        string text = ReadString(name);
        if (SafetensorsDTypes.TryParse(text, out DType type))
            return type;
        bool known = SafetensorsDTypes.IsKnownButUnsupported(text);
        throw Error(name, known ? $"dtype {text} is not supported" : $"dtype {Kosmos2FormatException.Quote(text)} is unknown");
    }

    private long[] ReadIntegers(string name, string field, int limit)
    {
        if (_reader.TokenType != JsonTokenType.StartArray)
            throw Error(name, $"{field} is {Describe(_reader.TokenType)}; it must be an array of integers");
        var values = new List<long>(4);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number)
                throw Error(name, $"{field} holds {Describe(_reader.TokenType)}; it must hold integers");
            if (values.Count == limit)
                throw Error(name, $"{field} has more than {limit} values");
            ReadOnlySpan<byte> digits = _reader.ValueSpan;
            if (digits[0] == (byte)'-')
                throw Error(name, $"{field} holds a negative number");
            if (digits.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
                throw Error(name, $"{field} holds a number that is not an integer");
            if (!_reader.TryGetInt64(out long value))
                throw Error(name, $"{field} holds a number over 2^63 - 1");
            values.Add(value);
        }

        return [.. values];
    }

    private readonly string ReadString(string? name)
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new SafetensorsException(_path, name, Offset, "the header holds a string with half a surrogate pair", e);
        }
    }

    private readonly SafetensorsException Error(string? name, string problem) => new(_path, name, Offset, problem);

    private static string Describe(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };

    /// <summary>One tensor as declared: Begin and End count from the start of the data, HeaderOffset from the start of the file.</summary>
    internal readonly record struct Declaration(string Name, DType DType, Shape Shape, long Begin, long End, long HeaderOffset);
}
