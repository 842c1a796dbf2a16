using Kosmos2.Engine.Model;
using Kosmos2.Engine.Validation;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>
/// Every stage of the five reference models on an OpenCL device. Where there is none, this is the one line that says so; the conformance
/// tests only list the backends that are present.
/// </summary>
[Category("OpenCL")]
internal sealed class OpenClModelTests
{
    // Position tables and the like; the model's weights are 5 MB in 8 bits and 3 MB in 4.
    private const long Room = 1 << 20;

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

    [Test]
    public void WhatIsMadeForADeviceDoesNotStayOnTheHost([Values(WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        RequireDevice();
        long before = NativeBytes.Held;
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, Backends.Create("opencl"), format: format);
        Assert.That(NativeBytes.Held - before, Is.LessThan(Room));
    }

    internal static void RequireDevice()
    {
        if (!IlgpuDevices.Enumerate().Any(d => d is { Kind: IlgpuDeviceKind.OpenCl, Problem: null }))
            Assert.Inconclusive("not run: no OpenCL device (tools/opencl/pocl-chroot.sh makes one)");
    }
}
