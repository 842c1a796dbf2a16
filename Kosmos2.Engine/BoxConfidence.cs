namespace Kosmos2.Engine;

/// <summary>What the model itself thought of a box that it wrote.</summary>
/// <param name="Probability">
/// Of the two patches, the first among all that can be an upper left corner, the second among all that can be its lower right one, 0 to 1.
/// </param>
/// <param name="Score">
/// The model's own chance that the box is right: the probability, 0 to 1, of all boxes that overlap it with an intersection over union of at least 0.5. This is the
/// number to threshold.
/// </param>
/// <param name="ExpectedBox">Each corner's expected place, where <see cref="GroundedEntity.Boxes"/> has the likeliest.</param>
public sealed record BoxConfidence(double Probability, double Score, Box ExpectedBox);
