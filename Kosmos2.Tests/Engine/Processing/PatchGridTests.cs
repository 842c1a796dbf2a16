using Kosmos2.Engine;
using Kosmos2.Engine.Processing;

namespace Kosmos2.Tests.Engine.Processing;

internal sealed class PatchGridTests
{
    // Same patch, two far corners, same column, same row, centres, beyond the grid, out of order.
    [TestCase(0, 0, 0, 0, 0.03125, 0.03125)]
    [TestCase(1023, 1023, 0.96875, 0.96875, 1, 1)]
    [TestCase(0, 1023, 0.015625, 0.015625, 0.984375, 0.984375)]
    [TestCase(5, 37, 0.15625, 0, 0.1875, 0.0625)]
    [TestCase(64, 70, 0, 0.0625, 0.21875, 0.09375)]
    [TestCase(33, 66, 0.046875, 0.046875, 0.078125, 0.078125)]
    [TestCase(863, 44, 0.984375, 0.828125, 0.390625, 0.046875)]
    public void Indices_become_a_box(int upperLeft, int lowerRight, double x1, double y1, double x2, double y2) =>
        Assert.That(PatchGrid.Default.ToBox(upperLeft, lowerRight), Is.EqualTo(new Box(x1, y1, x2, y2)));

    [TestCase(0.390625, 0.046875, 0.984375, 0.828125, 44, 863)]
    [TestCase(0, 0, 1, 1, 0, 1023)]
    [TestCase(0.1, 0.2, 0.3, 0.4, 195, 393)]
    [TestCase(0.5, 0.5, 0.75, 0.75, 528, 759)]
    [TestCase(0, 0, 0.03125, 0.03125, 0, 0)]
    [TestCase(0.4, 0.4, 0.41, 0.9, 396, 909)]
    [TestCase(0.999, 0.999, 1, 1, 1023, 1023)]
    [TestCase(-0.5, 0.1, 1.5, 0.6, 80, 655)]
    public void A_box_becomes_indices(double x1, double y1, double x2, double y2, int upperLeft, int lowerRight) =>
        Assert.That(PatchGrid.Default.ToIndices(new Box(x1, y1, x2, y2)), Is.EqualTo((upperLeft, lowerRight)));

    [TestCase(1)]
    [TestCase(70)]
    [TestCase(1024)]
    public void Every_ordered_pair_of_patches_comes_back_from_its_box(int patches)
    {
        var grid = new PatchGrid(patches);
        for (int upperLeft = 0; upperLeft < grid.Side * grid.Side; upperLeft++)
        {
            for (int lowerRight = upperLeft; lowerRight < grid.Side * grid.Side; lowerRight += 7)
            {
                if (lowerRight % grid.Side >= upperLeft % grid.Side)
                    Assert.That(grid.ToIndices(grid.ToBox(upperLeft, lowerRight)), Is.EqualTo((upperLeft, lowerRight)));
            }
        }
    }

    [TestCase(1e-300, 1e-300, false)]
    [TestCase(1, 1e-19, false)]
    [TestCase(1e-15, 1e-15, true)]
    [TestCase(1, 1, true)]
    public void A_box_of_nearly_nothing_reaches_into_no_patch(double x2, double y2, bool reaches)
    {
        var box = new Box(0, 0, x2, y2);
        Assert.That(PatchGrid.Default.Reaches(box), Is.EqualTo(reaches));
        Assert.That(PatchGrid.Default.ToIndices(box).LowerRight == ((int)Math.Ceiling(y2 * 32) * 32) - 32 + (int)Math.Ceiling(x2 * 32) - 1, Is.EqualTo(reaches));
    }

    [TestCase(0.5, 0, 0.5, 1)]
    [TestCase(0, 0.6, 1, 0.5)]
    [TestCase(double.NaN, 0, 1, 1)]
    [TestCase(double.NegativeInfinity, 0, 1, 1)]
    [TestCase(0, 0, 1e300, 1)]
    [TestCase(0, 0, 1, 2000)]
    public void A_box_that_is_none_is_refused(double x1, double y1, double x2, double y2) =>
        Assert.That(() => PatchGrid.Default.ToIndices(new Box(x1, y1, x2, y2)), Throws.ArgumentException.With.Message.Contains("box"));

    [Test]
    public void Indices_below_zero_and_empty_grids_are_refused()
    {
        Assert.That(() => PatchGrid.Default.ToBox(-1, 5), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PatchGrid(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [TestCase(0, "<patch_index_0000>")]
    [TestCase(44, "<patch_index_0044>")]
    [TestCase(99999, "<patch_index_99999>")]
    [TestCase(-1, "<patch_index_-001>")]
    public void A_token_has_four_characters_of_number_as_zfill_writes_them(int index, string token) =>
        Assert.That(PatchGrid.TokenOf(index), Is.EqualTo(token));
}
