using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Model;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine;

/// <summary>How often the grounding grammar changes what a model of random weights says, some of whose tokens are taken for tags: greedy answers to prompts that end in any of them.</summary>
internal sealed class GrammarEffectTests
{
    private const int FirstTag = 10, Side = 4, Answers = 40;

    [TestCaseSource(typeof(ReferenceModels), nameof(ReferenceModels.Names))]
    public void AnswersThatWereMalformedAreNot(string name)
    {
        using Kosmos2Model model = ReferenceModels.Load(name);
        GroundingGrammar grammar = Grammar(model.Config.TextConfig.VocabSize);
        var random = new Random(3);
        SequenceInput[] prompts = [.. Enumerable.Range(0, Answers).Select(_ => new SequenceInput { TokenIds = [0, .. Enumerable.Range(0, 5).Select(_ => random.Next(40, 90)), random.Next(FirstTag, 40)] })];
        var settings = new GenerationConfig { MaxNewTokens = 24, EosTokenId = [2] };
        var hooks = new GenerationHooks { Grammar = grammar };
        GenerationResult free = model.Generate(prompts, null, settings, hooks);
        GenerationResult kept = model.Generate(prompts, null, settings with { WellFormedGrounding = true }, hooks);

        int changed = free.Sequences.Zip(kept.Sequences, (a, b) => a.Tokens.SequenceEqual(b.Tokens)).Count(same => !same);
        int malformed = free.Sequences.Count(sequence => !WellFormed(grammar, prompts[sequence.Prompt].TokenIds, sequence.Tokens));
        TestContext.Out.WriteLine($"{name}: {changed} of {Answers} answers changed; {malformed} were malformed without the grammar");
        Assert.That(kept.Sequences.Count(sequence => WellFormed(grammar, prompts[sequence.Prompt].TokenIds, sequence.Tokens)), Is.EqualTo(Answers));
        Assert.That(malformed, Is.GreaterThan(0), "this test would not notice");
        Assert.That(changed, Is.EqualTo(malformed), "only what was malformed is changed");
    }

    /// <summary>Every token may stand where it does, and nothing is open at the end.</summary>
    private static bool WellFormed(GroundingGrammar grammar, int[] prompt, IReadOnlyList<int> tokens)
    {
        GroundingState state = grammar.After(prompt);
        foreach (int token in tokens)
        {
            if (!grammar.Allows(state, token, int.MaxValue))
                return false;
            state = grammar.After(state, token);
        }
        return state.Cost == 0;
    }

    /// <summary>Words, but for five tags from token 10 on and 4 x 4 patches after them; token 2 is silent.</summary>
    internal static GroundingGrammar Grammar(int vocabulary)
    {
        TokenKind[] kinds = [.. Enumerable.Repeat(TokenKind.Word, vocabulary)];
        TokenKind[] tags = [TokenKind.Phrase, TokenKind.PhraseEnd, TokenKind.Object, TokenKind.ObjectEnd, TokenKind.Delimiter];
        kinds[2] = TokenKind.Silent;
        tags.CopyTo(kinds, FirstTag);
        Array.Fill(kinds, TokenKind.Patch, FirstTag + tags.Length, Side * Side);
        return new GroundingGrammar(kinds, new PatchGrid(Side * Side));
    }
}
