using Kosmos2.Engine.Model;
using Kosmos2.Engine.Validation;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Engine;

/// <summary>
/// Every stage of the five reference models on an OpenCL device. Where there is none, this is the one line that says so; the conformance
/// tests only list the backends that are present.
/// </summary>
[Category("OpenCL")]
internal sealed class OpenClModelTests
{
    [Test]
    public void EveryStageIsWithinToleranceOnOpenCl()
    {
        RequireDevice();
        Assert.Multiple(() =>
        {
            foreach (string name in ReferenceModels.Names)
            {
                using Kosmos2Model model = Kosmos2Model.Load(ReferenceModels.Folder(name), Backends.Create("opencl"));
                using GoldenFile golden = GoldenFile.Open(Path.Combine(ReferenceModels.Folder(name), "golden.safetensors"));
                Assert.That(new ModelGolden(model, golden).Run().Where(stage => !stage.Passed), Is.Empty, name);
            }
        });
    }

    internal static void RequireDevice()
    {
        if (!IlgpuDevices.Enumerate().Any(d => d is { Kind: IlgpuDeviceKind.OpenCl, Problem: null }))
            Assert.Inconclusive("not run: no OpenCL device (tools/opencl/pocl-chroot.sh makes one)");
    }
}
