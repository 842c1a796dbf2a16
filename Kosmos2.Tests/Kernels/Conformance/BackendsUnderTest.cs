using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Reference;
using NUnit.Framework.Internal;

namespace Kosmos2.Tests.Kernels.Conformance;

/// <summary>
/// A backend by name. It is made when a test first asks for it and shared by all: compiling a device's kernels takes long. Categories select
/// backends: <c>--filter Category=OpenCL</c>.
/// </summary>
public sealed class BackendUnderTest(string name, string category, Func<IBackend> create)
{
    private readonly Lazy<IBackend> _instance = new(create);

    public string Name => name;

    public string Category => category;

    public IBackend Instance => _instance.Value;

    public void DisposeIfMade()
    {
        if (_instance.IsValueCreated)
            _instance.Value.Dispose();
    }

    public override string ToString() => name;
}

/// <summary>The registry: every backend present on this machine, each in all the variants that are to be tested.</summary>
public static class BackendsUnderTest
{
    private const string OpenCL = "OpenCL";
    private const string Cuda = "CUDA";

    private static readonly BackendUnderTest Reference = new("reference", "Reference", () => new ReferenceBackend());

    private static readonly BackendUnderTest WithoutAssembler =
        new("cpu, assembler off", "Cpu", () => new CpuBackend(new CpuOptions { Threads = 1, Disable = "assembler" }));

    private static readonly BackendUnderTest Packed =
        new("cpu, packed weights", "Cpu", () => new CpuBackend(new CpuOptions { Threads = 2, Weights = WeightResidency.Packed }));

    private static readonly BackendUnderTest[] Present =
        [.. Cpu(), WithoutAssembler, Packed, .. Of(IlgpuDeviceKind.OpenCl, OpenCL), .. Of(IlgpuDeviceKind.Cuda, Cuda)];

    // What a card has, in groups of as many threads as its kernels take.
    private static readonly GpuOptions Card = new() { WideThreads = WideAttentionKernels.MostThreads, KeyGroups = 3 };

    // A processor runs a group's threads one after another and so has small groups, one for each query and head; here it runs those of a card.
    private static readonly BackendUnderTest[] AsOnACard =
    [
        .. from device in IlgpuDevices.Enumerate()
           where device is { Kind: IlgpuDeviceKind.OpenCl, Problem: null, Capabilities.IsGpu: false } && device.Capabilities.MostGroupThreads >= Card.WideThreads
           select new BackendUnderTest(
               $"{OpenCL} {device.Index}, groups of {Card.WideThreads}", OpenCL, () => IlgpuBackend.Create(IlgpuDeviceKind.OpenCl, device.Index, Card)),
    ];

    /// <summary>The backends to compare with the oracle.</summary>
    public static IEnumerable<TestFixtureData> All() => Present.Select(Fixture);

    /// <summary>Those and more where kernels run in groups of many threads, for the operations that have such kernels.</summary>
    public static IEnumerable<TestFixtureData> WithWideGroups() => Present.Concat(AsOnACard).Select(Fixture);

    /// <summary>Those and the oracle itself, which must keep the same rules on operands.</summary>
    public static IEnumerable<TestFixtureData> WithReference() => Present.Prepend(Reference).Select(Fixture);

    /// <summary>Those that run on a device through ILGPU.</summary>
    public static IEnumerable<TestFixtureData> Devices() => Present.Where(backend => backend.Category is OpenCL or Cuda).Select(Fixture);

    internal static void DisposeAll()
    {
        foreach (BackendUnderTest backend in Present.Concat(AsOnACard).Prepend(Reference))
            backend.DisposeIfMade();
    }

    // Each instruction set of the machine on two threads; that threads change nothing is tested elsewhere.
    private static IEnumerable<BackendUnderTest> Cpu() =>
        from set in new[] { InstructionSet.Vector512, InstructionSet.Vector256, InstructionSet.Vector128, InstructionSet.Scalar }
        where CpuFeatures.IsSupported(set)
        select new BackendUnderTest($"cpu {set}", "Cpu", () => new CpuBackend(new CpuOptions { InstructionSet = set, Threads = 2 }));

    private static IEnumerable<BackendUnderTest> Of(IlgpuDeviceKind kind, string category) =>
        from device in IlgpuDevices.Enumerate()
        where device.Kind == kind && device.Problem is null
        select new BackendUnderTest($"{category} {device.Index}", category, () => IlgpuBackend.Create(kind, device.Index));

    private static TestFixtureData Fixture(BackendUnderTest backend)
    {
        TestFixtureData data = new TestFixtureData(backend).SetArgDisplayNames(backend.Name);
        data.Properties.Add(PropertyNames.Category, backend.Category);
        return data;
    }
}

/// <summary>Frees the shared backends after the last conformance test.</summary>
[SetUpFixture]
public sealed class ConformanceTearDown
{
    [OneTimeTearDown]
    public void DisposeBackends() => BackendsUnderTest.DisposeAll();
}
