namespace Kosmos2.Engine.Processing;

/// <summary>The words that KOSMOS-2 adds to its vocabulary, in the order of their ids; the patch indices follow them.</summary>
internal static class GroundingTags
{
    public const string Document = "</doc>";
    public const string Image = "<image>";
    public const string ImageEnd = "</image>";
    public const string Chunk = "</chunk>";
    public const string Line = "</line>";
    public const string Phrase = "<phrase>";
    public const string PhraseEnd = "</phrase>";
    public const string Object = "<object>";
    public const string ObjectEnd = "</object>";
    public const string Delimiter = "</delimiter_of_multi_objects/>";
    public const string Grounding = "<grounding>";

    /// <summary>What every patch index token begins with.</summary>
    public const string PatchIndexStart = "<patch_index_";

    /// <summary>All but the patch indices, in the order of their ids.</summary>
    public static readonly string[] All = [Document, Image, ImageEnd, Chunk, Line, Phrase, PhraseEnd, Object, ObjectEnd, Delimiter, Grounding];
}
