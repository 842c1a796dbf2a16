using Kosmos2.Kernels;

namespace Kosmos2.Engine.Generation;

/// <summary>A processor or filter that the device can stand in for: what it does can be said by a <see cref="TokenChoice"/> and bans.</summary>
internal interface IDeviceProcessor : ILogitsProcessor
{
    /// <summary>Adds what is the same in every step to a choice.</summary>
    TokenChoice AddTo(TokenChoice choice) => choice;

    /// <summary>Adds the tokens that may not come next to the current list.</summary>
    void Ban(in SequenceView sequence, TokenLists bans)
    {
    }
}
