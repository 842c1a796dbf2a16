using System.Text;
using CsCheck;
using Kosmos2.Engine.Generation;
using Kosmos2.Engine.Processing;
using Kosmos2.Kernels;

namespace Kosmos2.Tests.Engine.Generation;

/// <summary>Noise in, well-formed answers out: the model's logits are random, and the grammar alone makes groundings of its tokens.</summary>
public sealed class GroundingGrammarTests
{
    private const int Eos = 0, Word = 1, Space = 2, Angled = 3, Phrase = 5, PhraseEnd = 6, Object = 7, ObjectEnd = 8, Delimiter = 9, ImageEnd = 10, FirstPatch = 11;

    private static readonly string[] s_texts =
        ["", " word", " ", " <b", " dog", "<phrase>", "</phrase>", "<object>", "</object>", "</delimiter_of_multi_objects/>", "</image>"];

    private static readonly Gen<Trial> s_trials =
        from side in Gen.Int[1, 4]
        from prompt in Gen.Int[0, FirstPatch - 1 + 5].List[1, 12]
        from seed in Gen.Int[0, 100_000]
        from budget in Gen.Int[1, 24]
        from ngram in Gen.Int[0, 3]
        from way in Gen.Int[0, 3]
        from adverse in Gen.Int[0, 3]
        select new Trial(side, [.. prompt.Select(t => Math.Min(t, FirstPatch + (side * side) - 1))], seed, budget, ngram, way, adverse);

    private sealed record Trial(int Side, int[] Prompt, int Seed, int Budget, int Ngram, int Way, int Adverse)
    {
        public int Vocabulary => FirstPatch + (Side * Side);

        public GroundingGrammar Grammar
        {
            get
            {
                TokenKind[] kinds =
                [
                    TokenKind.Silent, TokenKind.Word, TokenKind.Space, TokenKind.Angled, TokenKind.Word, TokenKind.Phrase, TokenKind.PhraseEnd,
                    TokenKind.Object, TokenKind.ObjectEnd, TokenKind.Delimiter, TokenKind.Image, .. Enumerable.Repeat(TokenKind.Patch, Side * Side),
                ];
                return new GroundingGrammar(kinds, new PatchGrid(Side * Side));
            }
        }

        public GenerationConfig Config
        {
            get
            {
                var config = new GenerationConfig
                {
                    MaxNewTokens = Budget,
                    NoRepeatNgramSize = Ngram,
                    EosTokenId = [Eos],
                    WellFormedGrounding = true,
                    DoSample = Way is 1 or 3,
                    NumBeams = Way >= 2 ? 3 : 1,
                    Seed = (ulong)Seed,
                };
                return Adverse switch
                {
                    1 => config with { SuppressTokens = [.. Enumerable.Range(Phrase, Vocabulary - Phrase)], MinLength = 1000 },
                    2 => config with { BadWordsIds = [[PhraseEnd], [ObjectEnd], [Word]], SequenceBias = [new TokenBias([FirstPatch], float.NegativeInfinity)] },
                    3 => config with { TopK = 1, RemoveInvalidValues = true, SuppressTokens = [PhraseEnd, ObjectEnd], ForcedEosTokenId = [Eos] },
                    _ => config,
                };
            }
        }

        public GeneratedSequence[] Run() =>
            [.. Generator.Generate(FakeSession.WithNoise([Prompt], Vocabulary, Seed), [Prompt], Config, new GenerationHooks { Grammar = Grammar }).Sequences];
    }

    [Test]
    public void EveryAnswerReadsAsWhatWasOpenedInItWhateverTheSettings() => s_trials.Sample(trial =>
    {
        GroundingState start = trial.Grammar.After(trial.Prompt);
        foreach (GeneratedSequence sequence in trial.Run())
        {
            int[] all = [.. trial.Prompt, .. sequence.Tokens];
            GroundingState end = trial.Grammar.After(all);
            if (start.Cost > trial.Budget)
                return end.Cost == start.Cost - trial.Budget; // the shortest way, as far as it goes
            int opened = sequence.Tokens.Count(t => t == Object) + (start.Place >= GroundingPlace.UpperLeft ? 1 : 0);
            string before = Text(trial.Prompt);
            List<(long, long)> pairs = Scan(Text(all), out int objects);
            Scan(before, out int complete);
            if (end.Cost != 0 || objects - complete != opened || sequence.FinishReason == FinishReason.NoContinuation)
                return false;

            // New boxes are ordered; the pair that the prompt had begun may be so only as far as its own corner allows.
            int boxes = sequence.Tokens.Count(t => t >= FirstPatch) / 2;
            foreach (var (upperLeft, lowerRight) in pairs.TakeLast(boxes))
            {
                if (upperLeft % trial.Side > lowerRight % trial.Side || upperLeft / trial.Side > lowerRight / trial.Side)
                    return false;
            }
        }
        return true;
    }, iter: 3000, threads: 1);

    [Test]
    public void ATokenIsForcedExactlyWhereItIsTheOnlyOneAllowed() => s_trials.Sample(trial =>
    {
        GroundingGrammar grammar = trial.Grammar;
        GroundingState state = default;
        foreach (int token in trial.Prompt)
        {
            state = grammar.After(state, token);
            for (int budget = Math.Max(1, state.Cost); budget < 8; budget++)
            {
                int[] allowed = [.. Enumerable.Range(0, trial.Vocabulary).Where(t => grammar.Allows(state, t, budget))];
                if (allowed.Length == 0 || grammar.Forced(state, budget) != (allowed.Length == 1 ? allowed[0] : null))
                    return false;
            }
        }
        return true;
    }, iter: 500, threads: 1);

    [Test]
    public void TheRuleForTheDeviceSaysWhatTheGrammarDoes()
    {
        for (int side = 1; side <= 4; side++)
        {
            GroundingGrammar grammar = new Trial(side, [Word], 0, 1, 0, 0, 0).Grammar;
            var grid = new TokenGrid(grammar.FirstPatch, side);
            for (int place = 0; place <= (int)GroundingPlace.Pair; place++)
            {
                // A prompt may have begun a box beyond the grid.
                for (int corner = 0; corner < side * (side + 2); corner++)
                {
                    var state = new GroundingState((GroundingPlace)place, corner);
                    for (int budget = 1; budget < 8; budget++)
                    {
                        TokenRule rule = grammar.RuleOf(state, budget);
                        for (int token = 0; token < FirstPatch + (side * side) + 3; token++)
                        {
                            bool allowed = rule.IsNarrow && rule.Allows(token, (int)grammar.KindOf(token), grid);
                            Assert.That(allowed, Is.EqualTo(grammar.Allows(state, token, budget)), $"token {token} of a grid of {side} at {state}, budget {budget}");
                        }
                    }
                }
            }
        }
    }

    [Test]
    public void ForcedTokensNeedNoForwardPass()
    {
        // A word, a phrase, one word in it, an object, and then nothing but closing: 8 new tokens.
        var trial = new Trial(2, [Word], 0, 8, 0, 0, 0);
        int[] wanted = [Word, Phrase, Word, PhraseEnd, Object, FirstPatch + 1, FirstPatch + 3, ObjectEnd];
        FakeSession session = Following(trial, wanted);
        GeneratedSequence answer = Generate(session, trial).Sequences[0];
        Assert.That(answer.Tokens, Is.EqualTo(wanted));
        Assert.That(session.Passes, Is.EqualTo(7), "the closing tag at the limit needs none");

        // The last patch has only itself as a lower right one, and behind it, near the limit, only the closing tag can stand.
        trial = trial with { Budget = 6 };
        wanted = [Word, Object, FirstPatch + 3, FirstPatch + 3, ObjectEnd, Word];
        session = Following(trial, wanted);
        answer = Generate(session, trial).Sequences[0];
        Assert.That(answer.Tokens, Is.EqualTo(wanted));
        Assert.That(session.Passes, Is.EqualTo(4));
        Assert.That(answer.Evidence![3]!.Probability, Is.EqualTo(1));
    }

    [Test]
    public void AStopWaitsUntilEverythingIsClosed()
    {
        var trial = new Trial(2, [Word], 0, 20, 0, 0, 0);
        var hooks = new GenerationHooks { Grammar = trial.Grammar, StoppingCriteria = [new StopsAt(FirstPatch)] };
        FakeSession session = Following(trial, [Object, FirstPatch, FirstPatch + 1, Delimiter, FirstPatch, FirstPatch, Delimiter]);
        GeneratedSequence answer = Generator.Generate(session, [trial.Prompt], trial.Config, hooks).Sequences[0];
        Assert.That(answer.Tokens, Is.EqualTo(new[] { Object, FirstPatch, FirstPatch + 1, ObjectEnd }));
        Assert.That(answer.FinishReason, Is.EqualTo(FinishReason.StoppingCriterion));
    }

    [Test]
    public void WithoutTheSettingTheGrammarChangesNothing() => s_trials.Sample(trial =>
    {
        GenerationConfig config = trial.Config with { WellFormedGrounding = null };
        GenerationResult with = Generator.Generate(
            FakeSession.WithNoise([trial.Prompt], trial.Vocabulary, trial.Seed), [trial.Prompt], config, new GenerationHooks { Grammar = trial.Grammar });
        GenerationResult without = Generator.Generate(FakeSession.WithNoise([trial.Prompt], trial.Vocabulary, trial.Seed), [trial.Prompt], config);
        return with.Sequences.Zip(without.Sequences).All(p =>
            p.First.Tokens.SequenceEqual(p.Second.Tokens) && p.First.Score == p.Second.Score && p.First.FinishReason == p.Second.FinishReason);
    }, iter: 300, threads: 1);

    [Test]
    public void AnEndThatIsATagIsRefused()
    {
        var trial = new Trial(2, [Word], 0, 8, 0, 0, 0);
        GenerationConfig config = trial.Config with { EosTokenId = [ObjectEnd] };
        Assert.That(
            () => Generator.Generate(FakeSession.WithNoise([trial.Prompt], trial.Vocabulary, 0), [trial.Prompt], config, new GenerationHooks { Grammar = trial.Grammar }),
            Throws.ArgumentException.With.Message.Contains("eos_token_id names token 8"));
    }

    private static GenerationResult Generate(FakeSession session, Trial trial) =>
        Generator.Generate(session, [trial.Prompt], trial.Config, new GenerationHooks { Grammar = trial.Grammar });

    /// <summary>A model that wants one token after another.</summary>
    private static FakeSession Following(Trial trial, int[] wanted) => new([trial.Prompt], trial.Vocabulary, (tokens, logits) =>
    {
        int next = tokens.Length - trial.Prompt.Length;
        logits[next < wanted.Length ? wanted[next] : Word] = 5;
    });

    private static string Text(IEnumerable<int> tokens)
    {
        var text = new StringBuilder();
        foreach (int token in tokens)
            text.Append(token >= FirstPatch ? PatchGrid.TokenOf(token - FirstPatch) : s_texts[token]);
        return text.ToString();
    }

    private static List<(long UpperLeft, long LowerRight)> Scan(string text, out int objects)
    {
        objects = 0;
        List<(long, long)> pairs = [];
        var scanner = new EntityScanner(text);
        while (scanner.MoveNext())
        {
            objects++;
            pairs.AddRange(scanner.Pairs);
        }
        return pairs;
    }

    private sealed class StopsAt(int token) : IStoppingCriterion
    {
        public bool ShouldStop(in SequenceView sequence) => sequence.Tokens[^1] == token;
    }
}
