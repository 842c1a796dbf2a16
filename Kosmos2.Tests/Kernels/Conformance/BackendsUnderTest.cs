using Kosmos2.Kernels;
using Kosmos2.Kernels.Reference;
using NUnit.Framework.Internal;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>A way to make a backend, with a name for the test list. Categories select backends: <c>--filter Category=OpenCL</c>.</summary>
public sealed record BackendUnderTest(string Name, Func<IBackend> Create, string Category = "Cpu")
{
    public override string ToString() => Name;
}

/// <summary>
/// Every backend present on this machine. All conformance tests run on each. The oracle stands in the list too: it must agree with itself,
/// which shows that the tests are sound and that it keeps the rules on operands.
/// </summary>
public static class BackendsUnderTest
{
    private static readonly BackendUnderTest[] Present = [new("reference", () => new ReferenceBackend())];

    public static IEnumerable<TestFixtureData> All()
    {
        foreach (BackendUnderTest backend in Present)
        {
            TestFixtureData data = new TestFixtureData(backend).SetArgDisplayNames(backend.Name);
            data.Properties.Add(PropertyNames.Category, backend.Category);
            yield return data;
        }
    }
}
