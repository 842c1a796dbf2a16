using System.Globalization;

namespace Kosmos2.Bench;

/// <summary>What <c>--whole-model</c> compares.</summary>
internal sealed record WholeModelOptions
{
    public const string Help = """
          --whole-model MODEL --peer GRAPHS [--smaller FOLDER]... [--threads N]... [--turns N] [--mapped] [--json]
                                 a whole model of F32, and the same with smaller weights (as kosmos2 quantize makes them), against ONNX Runtime
                                 in F32 in a process of its own, taking turns: encoder, prefill, decode, end to end. GRAPHS has encoder.onnx and
                                 decoder.onnx, with weights as external data in model.safetensors. Without --threads on 1 and on 2; --mapped reads
                                 weights where they lie; --json prints an object a model and number of threads.
        """;

    public required string Model { get; init; }

    public required string Peer { get; init; }

    public IReadOnlyList<string> Smaller { get; init; } = [];

    public IReadOnlyList<int> Threads { get; init; } = [1, 2];

    public int Turns { get; init; } = 3;

    public bool Mapped { get; init; }

    public bool Json { get; init; }

    /// <summary>Reads the arguments behind <c>--whole-model</c>; null if they are unusable.</summary>
    public static WholeModelOptions? Read(ReadOnlySpan<string> arguments)
    {
        var values = new List<string>();
        var given = new Dictionary<string, List<string>>();
        bool mapped = false, json = false;
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--mapped")
                mapped = true;
            else if (arguments[i] == "--json")
                json = true;
            else if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
                values.Add(arguments[i]);
            else if (arguments[i] is "--peer" or "--smaller" or "--threads" or "--turns" && i + 1 < arguments.Length)
                (given.TryGetValue(arguments[i], out List<string>? list) ? list : given[arguments[i]] = []).Add(arguments[++i]);
            else
                return null;
        }
        int[]? threads = Numbers("--threads"), turns = Numbers("--turns");
        if (values.Count != 1 || !given.TryGetValue("--peer", out List<string>? peer) || peer.Count != 1 || threads is null || turns is null || turns.Length > 1)
            return null;
        var options = new WholeModelOptions { Model = values[0], Peer = peer[0], Smaller = given.GetValueOrDefault("--smaller") ?? [], Mapped = mapped, Json = json };
        return options with { Threads = threads.Length > 0 ? threads : options.Threads, Turns = turns.Length > 0 ? turns[0] : options.Turns };

        int[]? Numbers(string name)
        {
            string[] texts = [.. given.GetValueOrDefault(name) ?? []];
            int[] numbers = [.. texts.Select(text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)];
            return numbers.Contains(0) ? null : numbers;
        }
    }
}
