using Kosmos2.Engine.Generation;
using Kosmos2.Kernels;

namespace Kosmos2.Engine.Model;

/// <summary>What the device knows of a grounding grammar: each token's kind. Sent once; a model is seldom asked with more than one grammar.</summary>
/// <param name="backend">The device.</param>
/// <param name="vocabulary">Logits in a row; tokens that the grammar does not know are silent.</param>
internal sealed class GrammarOnDevice(IBackend backend, int vocabulary) : IDisposable
{
    private GroundingGrammar? _grammar;
    private TokenClasses? _classes;

    /// <summary>A grammar's classes of tokens: their <see cref="TokenKind"/>s; null for none.</summary>
    public TokenClasses? ClassesOf(GroundingGrammar? grammar)
    {
        if (grammar is null)
            return null;
        if (grammar == _grammar)
            return _classes;
        var kinds = new sbyte[vocabulary];
        for (int token = 0; token < kinds.Length; token++)
            kinds[token] = (sbyte)grammar.KindOf(token);
        _grammar = null; // until all kinds are there
        _classes = new TokenClasses(_classes?.Numbers ?? backend.Allocate(DType.I8, vocabulary), grammar.FirstPatch, grammar.Side);
        backend.Upload<sbyte>(kinds, _classes.Numbers);
        _grammar = grammar;
        return _classes;
    }

    /// <inheritdoc/>
    public void Dispose() => _classes?.Numbers.Dispose();
}
