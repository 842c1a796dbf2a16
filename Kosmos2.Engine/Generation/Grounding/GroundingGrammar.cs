using Kosmos2.Engine.Processing;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>
/// The grammar of grounded answers over a model's tokens:
/// <code>
/// answer = (text | phrase | object)*      phrase = &lt;phrase&gt; word+ &lt;/phrase&gt;
/// box    = patch patch                    object = &lt;object&gt; box (&lt;/delimiter_of_multi_objects/&gt; box)* &lt;/object&gt;
/// </code>
/// where a box's second patch is neither left of nor above the first, and words hold no &lt;. Such an answer is what <see cref="GroundedText"/>
/// reads, with nothing to drop. Immutable; any number of generations may use one.
/// </summary>
public sealed class GroundingGrammar
{
    private readonly TokenKind[] _kinds;
    private readonly int _firstPatch;
    private readonly int _side;
    private readonly int _phraseEnd;
    private readonly int _objectEnd;

    /// <summary>Makes a grammar of a table.</summary>
    /// <param name="kinds">Each token's kind; one token of each tag but the image's, and patches in a row.</param>
    /// <param name="grid">The grid of the patches.</param>
    internal GroundingGrammar(TokenKind[] kinds, PatchGrid grid)
    {
        _kinds = kinds;
        _side = grid.Side;
        _firstPatch = Array.IndexOf(kinds, TokenKind.Patch);
        _phraseEnd = Array.IndexOf(kinds, TokenKind.PhraseEnd);
        _objectEnd = Array.IndexOf(kinds, TokenKind.ObjectEnd);
    }

    /// <summary>Tokens that the grammar knows; those beyond have no text.</summary>
    internal int VocabularySize => _kinds.Length;

    /// <summary>Patches along a side.</summary>
    internal int Side => _side;

    /// <summary>Patches of the grid.</summary>
    internal int PatchCount => _side * _side;

    /// <summary>The token of patch 0; the others follow.</summary>
    internal int FirstPatch => _firstPatch;

    /// <summary>The grammar of a tokenizer's tags and words.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="grid">The grid of its patch indices; 32 x 32 by default.</param>
    /// <exception cref="ArgumentException">The tokenizer has fewer patch indices than the grid, or they are not in a row.</exception>
    public static GroundingGrammar Create(Kosmos2Tokenizer tokenizer, PatchGrid? grid = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        grid ??= PatchGrid.Default;
        var kinds = new TokenKind[tokenizer.VocabularySize];
        for (int id = 0; id < kinds.Length; id++)
            kinds[id] = tokenizer.IsSpecial(id) ? TokenKind.Silent : OfText(tokenizer.IdToToken(id)!);
        for (int patch = 0; patch < grid.TokenCount; patch++)
        {
            string token = PatchGrid.TokenOf(patch);
            int first = tokenizer.TokenToId(PatchGrid.TokenOf(0)) ?? -1;
            if (first < 0 || tokenizer.TokenToId(token) != first + patch)
                throw new ArgumentException($"the tokenizer's {token} is not at the id of the first patch index plus {patch}", nameof(tokenizer));
            kinds[first + patch] = TokenKind.Patch;
        }
        return new GroundingGrammar(kinds, grid);
    }

    /// <summary>A call's grammar, if it can be that of a model.</summary>
    /// <exception cref="ArgumentException">There is none, or the model has too few tokens for it.</exception>
    internal static GroundingGrammar Require(GroundingGrammar? grammar, int vocabularySize)
    {
        if (grammar is null)
            throw new ArgumentException("WellFormedGrounding is set, but there is no GenerationHooks.Grammar to keep to");
        if (!grammar.Fits(vocabularySize))
            throw new ArgumentException($"WellFormedGrounding is set, but the grammar's tokens go beyond the model's, which are 0 to {vocabularySize - 1}");
        return grammar;
    }

    /// <summary>Whether a model with so many tokens has all tags and patches.</summary>
    internal bool Fits(int vocabularySize) => Array.FindLastIndex(_kinds, kind => kind >= TokenKind.Phrase) < vocabularySize;

    /// <summary>What a token means.</summary>
    internal TokenKind KindOf(int token) => token < _kinds.Length ? _kinds[token] : TokenKind.Silent;

    /// <summary>Whether a token is one of the tags that open and close, or a patch.</summary>
    internal bool IsTag(int token) => KindOf(token) >= TokenKind.Phrase;

    /// <summary>The state after some tokens of any kind, such as a prompt's.</summary>
    internal GroundingState After(ReadOnlySpan<int> tokens)
    {
        GroundingState state = default;
        foreach (int token in tokens)
            state = After(state, token);
        return state;
    }

    /// <summary>
    /// The state after one more token, also after one that the grammar does not allow: what can no longer become a grounding is then not open
    /// any more, just as <see cref="GroundedText"/> would drop it.
    /// </summary>
    internal GroundingState After(GroundingState state, int token) => After(state, KindOf(token), token - _firstPatch);

    private static GroundingState After(GroundingState state, TokenKind kind, int patch)
    {
        bool inPhrase = state.Place is GroundingPlace.EmptyPhrase or GroundingPlace.Phrase;
        return kind switch
        {
            TokenKind.Silent => state,
            TokenKind.Word when inPhrase => new GroundingState(GroundingPlace.Phrase),
            TokenKind.Space when inPhrase => state,
            TokenKind.Phrase => new GroundingState(GroundingPlace.EmptyPhrase),
            TokenKind.Object => new GroundingState(GroundingPlace.UpperLeft),
            TokenKind.Delimiter when state.Place == GroundingPlace.Pair => new GroundingState(GroundingPlace.UpperLeft),
            TokenKind.Patch when state.Place == GroundingPlace.UpperLeft => new GroundingState(GroundingPlace.LowerRight, patch),
            TokenKind.Patch when state.Place == GroundingPlace.LowerRight => new GroundingState(GroundingPlace.Pair),
            _ => default,
        };
    }

    /// <summary>Whether a token may come next.</summary>
    /// <param name="state">Where the sequence stands.</param>
    /// <param name="token">The token.</param>
    /// <param name="budget">Tokens that may still come, this one included; at least the state's cost.</param>
    internal bool Allows(GroundingState state, int token, int budget)
    {
        TokenKind kind = KindOf(token);
        return Allows(state, kind, budget) && (kind != TokenKind.Patch || IsCorner(state, token - _firstPatch));
    }

    /// <summary>What <see cref="Allows(GroundingState, int, int)"/> says, as a rule over the kinds of tokens and the grid of patches.</summary>
    internal TokenRule RuleOf(GroundingState state, int budget)
    {
        uint kinds = 0;
        for (TokenKind kind = 0; kind <= TokenKind.Patch; kind++)
            kinds |= Allows(state, kind, budget) ? 1u << (int)kind : 0;
        (int column, int row) = state.Place == GroundingPlace.LowerRight ? LowerRightOf(state.UpperLeft) : default;
        return new TokenRule(kinds, column, row, TokenReading.None, 0);
    }

    /// <summary>The only token that may come next, or null where there is a choice.</summary>
    internal int? Forced(GroundingState state, int budget) => state.Place switch
    {
        GroundingPlace.Phrase when budget == 1 => _phraseEnd,
        GroundingPlace.Pair when budget <= 3 => _objectEnd,
        GroundingPlace.UpperLeft when _side == 1 => _firstPatch,
        GroundingPlace.LowerRight when LowerRightOf(state.UpperLeft) is (var column, var row) && column == _side - 1 && row == _side - 1 =>
            _firstPatch + (_side * _side) - 1,
        _ => null,
    };

    /// <summary>Whether a patch may be a box's corner: inside the grid, and as a lower right one neither left of nor above the upper left one.</summary>
    internal bool IsCorner(GroundingState state, int patch)
    {
        if ((uint)patch >= (uint)(_side * _side))
            return false;
        if (state.Place != GroundingPlace.LowerRight)
            return true;
        (int column, int row) = LowerRightOf(state.UpperLeft);
        return patch % _side >= column && patch / _side >= row;
    }

    // The least column and row of a lower right corner. A prompt may have begun a box beyond the grid: its last row is then the nearest.
    private (int Column, int Row) LowerRightOf(int upperLeft) => (upperLeft % _side, Math.Min(upperLeft / _side, _side - 1));

    // A token of a kind, where a patch is a corner that the box can have.
    private static bool Allows(GroundingState state, TokenKind kind, int budget) => MayStand(state, kind) && After(state, kind, patch: 0).Cost < budget;

    private static bool MayStand(GroundingState state, TokenKind kind) => kind switch
    {
        TokenKind.Word or TokenKind.Space => state.Place <= GroundingPlace.Phrase,
        TokenKind.Silent or TokenKind.Angled or TokenKind.Phrase or TokenKind.Object => state.Place == GroundingPlace.Free,
        TokenKind.PhraseEnd => state.Place == GroundingPlace.Phrase,
        TokenKind.ObjectEnd or TokenKind.Delimiter => state.Place == GroundingPlace.Pair,
        TokenKind.Patch => state.Place is GroundingPlace.UpperLeft or GroundingPlace.LowerRight,
        _ => false,
    };

    private static TokenKind OfText(string token) => token switch
    {
        GroundingTags.Phrase => TokenKind.Phrase,
        GroundingTags.PhraseEnd => TokenKind.PhraseEnd,
        GroundingTags.Object => TokenKind.Object,
        GroundingTags.ObjectEnd => TokenKind.ObjectEnd,
        GroundingTags.Delimiter => TokenKind.Delimiter,
        GroundingTags.Image or GroundingTags.ImageEnd => TokenKind.Image,
        _ when token.Contains('<') => TokenKind.Angled,
        _ when PythonText.Strip(token.Replace(TokenizerModel.Space, ' ')).IsEmpty => token.Length > 0 ? TokenKind.Space : TokenKind.Silent,
        _ => TokenKind.Word,
    };
}
