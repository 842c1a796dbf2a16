using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>Hidden states and attentions of one pass, to be handed out sequence by sequence.</summary>
internal sealed class StepRecording
{
    private readonly RecordingSink _sink;
    private readonly int _layers;
    private readonly int _heads;
    private readonly int _width;
    private int[] _rowStarts = [];
    private int[] _keyCounts = [];

    /// <summary>Prepares for a pass.</summary>
    public StepRecording(Kosmos2Model model, StepOutputs outputs)
    {
        _layers = model.Config.TextConfig.Layers;
        _heads = model.Config.TextConfig.AttentionHeads;
        _width = model.Config.TextConfig.EmbedDim;
        _sink = new RecordingSink(name =>
            (outputs.HasFlag(StepOutputs.HiddenStates) && name.StartsWith("text.hidden_states.", StringComparison.Ordinal))
            || (outputs.HasFlag(StepOutputs.Attentions) && name.StartsWith("text.attentions.", StringComparison.Ordinal)));
    }

    /// <summary>What the pass reports to.</summary>
    public IActivationSink Sink => _sink;

    /// <summary>Takes note of whose the rows are.</summary>
    public void End(StepTable table)
    {
        _rowStarts = table.RowStarts.ToArray();
        _keyCounts = table.KeyCounts.ToArray();
    }

    /// <summary>[layers + 1] of [rows, width]: the sequence's rows of the embeddings and of each layer, the last after the final norm.</summary>
    public float[][] HiddenStatesOf(int sequence)
    {
        Range rows = (_rowStarts[sequence] * _width)..(_rowStarts[sequence + 1] * _width);
        return [.. Enumerable.Range(0, _layers + 1).Select(layer => _sink.Values[$"text.hidden_states.{layer}"][rows])];
    }

    /// <summary>[layers] of [heads, rows, keys].</summary>
    public float[][] AttentionsOf(int sequence)
    {
        int first = 0;
        for (int i = 0; i < sequence; i++)
            first += EntriesOf(i);
        return [.. Enumerable.Range(0, _layers).Select(layer => _sink.Values[$"text.attentions.{layer}"].AsSpan(first, EntriesOf(sequence)).ToArray())];
    }

    private int EntriesOf(int sequence) => checked(_heads * (_rowStarts[sequence + 1] - _rowStarts[sequence]) * _keyCounts[sequence]);
}
