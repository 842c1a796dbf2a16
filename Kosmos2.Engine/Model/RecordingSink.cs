namespace Kosmos2.Engine.Model;

/// <summary>Keeps every intermediate result whose name it was told to want.</summary>
internal sealed class RecordingSink(Func<string, bool> wanted) : IActivationSink
{
    public Dictionary<string, float[]> Values { get; } = [];

    public bool Wants(string name) => wanted(name);

    public void Receive(string name, float[] values) => Values[name] = values;
}
