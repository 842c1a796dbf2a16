using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>Logits, hidden states and attentions of each step are those of one pass over the whole sequence, bit for bit.</summary>
internal sealed class StepOutputTests
{
    private static readonly GenerationConfig s_all = new()
    {
        MaxNewTokens = 6,
        EosTokenId = [],
        OutputLogits = true,
        OutputHiddenStates = true,
        OutputAttentions = true,
        OutputScores = ScoreOutput.All,
    };

    private static readonly GenerationConfig[] s_ways =
    [
        s_all with { RepetitionPenalty = 1.5f },
        s_all with { DoSample = true, NumReturnSequences = 2, Temperature = 2 },
        s_all with { NumBeams = 3, NumReturnSequences = 2 },
        s_all with { NumBeams = 2, DoSample = true, Seed = 4 },
    ];

    [TestCase("upstream-test")]
    [TestCase("odd-sizes")]
    public void EachStepsOutputsAreThoseOfAPassOverTheWholeSequence(string name)
    {
        using Kosmos2Model model = ReferenceModels.Load(name);
        int[][] prompts = [[5, 9, 40, 41, 42], [7, 8], [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28]];
        foreach (GenerationConfig config in s_ways)
        {
            GenerationResult result = model.Generate([.. prompts.Select(ids => new SequenceInput { TokenIds = ids })], null, config);
            foreach (GeneratedSequence sequence in result.Sequences)
                Compare(model, prompts[sequence.Prompt], sequence);
        }
    }

    [Test]
    public void OnlyWhatIsAskedForIsGiven()
    {
        using Kosmos2Model model = ReferenceModels.Load("upstream-test");
        GeneratedSequence Generate(GenerationConfig config) =>
            model.Generate([new() { TokenIds = [5, 6] }], null, config with { MaxNewTokens = 2, EosTokenId = [] }).Sequences[0];

        GeneratedSequence none = Generate(new()), logits = Generate(new() { OutputLogits = true }), attentions = Generate(new() { OutputAttentions = true });
        Assert.That((none.Logits, none.HiddenStates, none.Attentions, none.BeamIndices), Is.EqualTo(((object?)null, (object?)null, (object?)null, (object?)null)));
        Assert.That(logits.Logits, Has.Count.EqualTo(2));
        Assert.That((logits.HiddenStates, logits.Attentions), Is.EqualTo(((object?)null, (object?)null)));
        Assert.That(attentions.Attentions, Has.Count.EqualTo(2));
        Assert.That((attentions.Logits, attentions.HiddenStates), Is.EqualTo(((object?)null, (object?)null)));
    }

    [Test]
    public void BeamIndicesNameTheBeamThatEachTokenWasAddedTo()
    {
        // From the prompt only beam 0 goes on. Then 2 (0.6) runs before 3 (0.4), and 3's only way on, 0.4, beats 2's best, 0.6 * 0.5.
        int[][] prompts = [[0]];
        var session = new FakeSession(prompts, 8, (tokens, logits) =>
        {
            logits.Fill(-30);
            (int Token, float Probability)[] next = tokens[^1] switch
            {
                0 => [(2, 0.6f), (3, 0.4f)],
                2 => [(4, 0.5f), (5, 0.5f)],
                _ => [(6, 1)],
            };
            foreach (var (token, probability) in next)
                logits[token] = MathF.Log(probability);
        });
        var config = new GenerationConfig { MaxNewTokens = 3, NumBeams = 2, NumReturnSequences = 2, EosTokenId = [1] };
        GenerationResult result = Generator.Generate(session, prompts, config);
        Assert.That(result.Sequences[0].Tokens, Is.EqualTo(new[] { 3, 6, 6 }));
        Assert.That(result.Sequences[0].BeamIndices, Is.EqualTo(new[] { 0, 1, 0 }));
        Assert.That(result.Sequences[1].Tokens, Is.EqualTo(new[] { 2, 4, 6 }));
        Assert.That(result.Sequences[1].BeamIndices, Is.EqualTo(new[] { 0, 0, 1 }));
    }

    private static void Compare(Kosmos2Model model, int[] prompt, GeneratedSequence sequence)
    {
        int layers = model.Config.TextConfig.Layers, heads = model.Config.TextConfig.AttentionHeads, width = model.Config.TextConfig.EmbedDim;
        int[] whole = [.. prompt, .. sequence.Tokens];
        var sink = new RecordingSink(_ => true);
        ForwardOutput output = model.Forward([new SequenceInput { TokenIds = whole }], sink: sink);
        Assert.That(sequence.Logits, Has.Count.EqualTo(sequence.Tokens.Count));
        for (int step = 0; step < sequence.Tokens.Count; step++)
        {
            int first = step == 0 ? 0 : prompt.Length + step - 1, keys = prompt.Length + step;
            Assert.That(sequence.Logits![step], Is.EqualTo(output.Row(0, keys - 1).ToArray()), $"logits of step {step}");
            Assert.That(sequence.HiddenStates![step], Has.Count.EqualTo(layers + 1));
            Assert.That(sequence.Attentions![step], Has.Count.EqualTo(layers));
            for (int layer = 0; layer <= layers; layer++)
            {
                float[] expected = sink.Values[$"text.hidden_states.{layer}"][(first * width)..(keys * width)];
                Assert.That(sequence.HiddenStates[step][layer], Is.EqualTo(expected), $"hidden states of step {step}, layer {layer}");
            }
            for (int layer = 0; layer < layers; layer++)
            {
                float[] all = sink.Values[$"text.attentions.{layer}"]; // [heads, whole, whole]
                float[] expected = [.. from head in Enumerable.Range(0, heads)
                                       from row in Enumerable.Range(first, keys - first)
                                       from key in Enumerable.Range(0, keys)
                                       select all[(((head * whole.Length) + row) * whole.Length) + key]];
                Assert.That(sequence.Attentions[step][layer], Is.EqualTo(expected), $"attentions of step {step}, layer {layer}");
            }
        }
    }
}
