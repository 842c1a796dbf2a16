namespace Kosmos2.Engine.Generation;

/// <summary>Where a sequence stands in the grounding grammar. A value: whoever copies a sequence copies it too.</summary>
/// <param name="Place">What is open, and how far it has come.</param>
/// <param name="UpperLeft">At <see cref="GroundingPlace.LowerRight"/>: the patch of the upper left corner.</param>
internal readonly record struct GroundingState(GroundingPlace Place, int UpperLeft = 0)
{
    /// <summary>Fewest tokens with which all that is open can be closed.</summary>
    public int Cost => Place switch
    {
        GroundingPlace.Free => 0,
        GroundingPlace.Phrase or GroundingPlace.Pair => 1,
        GroundingPlace.EmptyPhrase or GroundingPlace.LowerRight => 2,
        _ => 3,
    };
}

/// <summary>The places of the grounding grammar.</summary>
internal enum GroundingPlace : byte
{
    /// <summary>Nothing is open.</summary>
    Free,

    /// <summary>A phrase was opened and has no word yet.</summary>
    EmptyPhrase,

    /// <summary>In a phrase.</summary>
    Phrase,

    /// <summary>In an object, before a box.</summary>
    UpperLeft,

    /// <summary>In an object, within a box.</summary>
    LowerRight,

    /// <summary>In an object, after a box.</summary>
    Pair,
}
