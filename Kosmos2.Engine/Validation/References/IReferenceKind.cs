namespace Kosmos2.Engine.Validation;

/// <summary>A kind of file of reference outputs.</summary>
internal interface IReferenceKind
{
    /// <summary>Whether a file is of this kind, by its name and what stands beside it.</summary>
    bool Knows(string path);

    /// <summary>Compares a file: one result, and one more for each file beside it that it takes with it.</summary>
    IEnumerable<ParityResult> Compare(string path, ParityContext context);
}
