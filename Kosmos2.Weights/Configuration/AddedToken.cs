namespace Kosmos2.Weights;

/// <summary>A token that is cut out of the text before anything else is tokenized.</summary>
/// <param name="Id">Its id, at least 0.</param>
/// <param name="Content">Its text.</param>
/// <param name="LStrip">Whether it swallows white space on its left.</param>
/// <param name="RStrip">Whether it swallows white space on its right.</param>
/// <param name="Normalized">Whether it is sought in the normalised text rather than in the raw one.</param>
/// <param name="SingleWord">Whether it must stand alone as a word.</param>
/// <param name="Special">Whether decoding can leave it out (<c>skip_special_tokens</c>).</param>
public sealed record AddedToken(int Id, string Content, bool LStrip, bool RStrip, bool Normalized, bool SingleWord, bool Special);
