using System.Text.Json;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Whether the strings of a JSON value are Unicode text. JSON lets <c>"\ud800"</c> pass, half of a surrogate pair, and its reader finds out when the string is
/// asked for, with an exception that is no caller's.
/// </summary>
internal static class JsonText
{
    /// <summary>Looks at all strings of a value and at the names in it.</summary>
    /// <param name="value">The value.</param>
    /// <param name="where">What a message calls it.</param>
    /// <exception cref="ArgumentException">One is no text; the message says where it stands.</exception>
    public static void Require(JsonElement value, string where)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                Read(() => value.GetString()!, where);
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement item in value.EnumerateArray())
                    Require(item, $"{where}[{index++}]");
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty property in value.EnumerateObject())
                    Require(property.Value, $"{where}.{Read(() => property.Name, $"a name in {where}")}");
                break;
        }
    }

    private static string Read(Func<string> read, string where)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException($"{where} is no Unicode text: it must not hold half of a surrogate pair, as in \"\\ud800\", nor bytes other than UTF-8's", e);
        }
    }
}
