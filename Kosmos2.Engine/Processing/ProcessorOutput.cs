namespace Kosmos2.Engine.Processing;

/// <summary>What the model takes, row by row. Rows have one length if they were filled up, else each its own.</summary>
/// <param name="InputIds">[examples][length] token ids; empty for pictures alone.</param>
/// <param name="AttentionMask">[examples][length]: 1 for a token, 0 for padding.</param>
/// <param name="ImageEmbedsPositionMask">[examples][length]: 1 where an embedding of the picture goes, else 0. Null without pictures or text.</param>
/// <param name="PixelValues">The pictures; null without any.</param>
public sealed record ProcessorOutput(int[][] InputIds, int[][] AttentionMask, int[][]? ImageEmbedsPositionMask, PixelValues? PixelValues);
