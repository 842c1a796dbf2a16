using Kosmos2.Engine.Model;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

internal sealed class SinusoidalPositionsTests
{
    [TestCase(4)]
    [TestCase(32)]
    [TestCase(45)]
    [TestCase(2048)]
    public void EqualHuggingFace(int width)
    {
        using var file = SafetensorsFile.Open(TestData.File("processor", "sinusoidal_positions.safetensors"));
        ReadOnlySpan<float> expected = file[$"dim{width}"].AsSpan<float>();
        int rows = expected.Length / width;
        float[] actual = SinusoidalPositions.Compute(rows, width, paddingRow: 1);
        for (int i = 0; i < expected.Length; i++)
            Assert.That(actual[i], Is.EqualTo(expected[i]).Within(2e-7f), $"position {i / width}, column {i % width}");
    }
}
