namespace Kosmos2.Engine.Generation;

/// <summary>
/// <c>no_repeat_ngram_size</c>: forbids every token that would repeat a run of n tokens of the sequence, prompt included. Under the grounding
/// grammar tags and patches may: two things can have a corner in the same patch.
/// </summary>
/// <remarks>The runs are looked up in the sequence's own <see cref="NgramIndex"/>.</remarks>
internal sealed class NoRepeatNgramProcessor(GroundingConstraint? constraint) : BanProcessor
{
    public override void Ban(in SequenceView sequence, TokenLists bans)
    {
        foreach (int token in sequence.Ngrams!.Followers(sequence.Tokens))
        {
            if (constraint?.MayRepeat(token) != true)
                bans.Add(token);
        }
    }
}
