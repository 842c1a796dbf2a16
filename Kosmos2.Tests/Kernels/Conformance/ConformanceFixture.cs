using Kosmos2.Kernels;
using Kosmos2.Kernels.Reference;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>
/// Base of the conformance suite. A test writes an operation once, as a program on a <see cref="Workbench"/>; it runs on the oracle and on
/// the backend under test, and what both computed is compared.
/// </summary>
public abstract class ConformanceFixture(BackendUnderTest backendUnderTest)
{
    /// <summary>Sizes that no block, vector or work group divides.</summary>
    protected static readonly int[] OddSizes = [1, 3, 7, 37, 129];

    private readonly ReferenceBackend _reference = new();

    protected IBackend Backend => backendUnderTest.Instance;

    [OneTimeTearDown]
    public void DisposeReference() => _reference.Dispose();

    /// <summary>Runs a program on the backend and on the oracle; fails where an element differs by more than absolute + relative |oracle|.</summary>
    protected void Conforms(string what, Func<Workbench, float[]> program, double absolute = 1e-5, double relative = 1e-4)
    {
        float[] expected = Run(_reference, program);
        float[] actual = Run(Backend, program);
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        for (int i = 0; i < actual.Length; i++)
        {
            bool close = Math.Abs((double)actual[i] - expected[i]) <= absolute + (relative * Math.Abs((double)expected[i]));
            if (!close && !actual[i].Equals(expected[i]))
                Assert.Fail($"{what}: element {i} of {actual.Length} is {actual[i]:R}, the oracle has {expected[i]:R}");
        }
    }

    /// <summary>As <see cref="Conforms"/>, without any tolerance: for operations that move numbers or round once.</summary>
    protected void ConformsExactly(string what, Func<Workbench, float[]> program) => Conforms(what, program, 0, 0);

    /// <summary>Runs a program on the backend under test alone.</summary>
    protected float[] Run(Func<Workbench, float[]> program) => Run(Backend, program);

    private static float[] Run(IBackend backend, Func<Workbench, float[]> program)
    {
        using var bench = new Workbench(backend);
        return program(bench);
    }
}
