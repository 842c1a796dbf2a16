using Kosmos2.Engine.Model;
using Kosmos2.Engine.Validation;
using Kosmos2.Kernels;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>Every stage of the five reference models on a device.</summary>
[TestFixture("opencl:0", Category = "OpenCL")]
[TestFixture("cuda:0", Category = "CUDA")]
internal sealed class DeviceModelTests(string device)
{
    // Position tables and the like; the model's weights are 5 MB in 8 bits and 3 MB in 4.
    private const long Room = 1 << 20;

    [SetUp]
    public void RequireDevice() => ModelDevices.Require(device);

    [Test]
    public void EveryStageIsWithinTolerance()
    {
        Assert.Multiple(() =>
        {
            foreach (string name in ReferenceModels.Names)
            {
                using Kosmos2Model model = Kosmos2Model.Load(ReferenceModels.Folder(name), Backends.Create(device));
                using GoldenFile golden = GoldenFile.Open(Path.Combine(ReferenceModels.Folder(name), "golden.safetensors"));
                Assert.That(new ModelGolden(model, golden).Run().Where(stage => !stage.Passed), Is.Empty, name);
            }
        });
    }

    [Test]
    public void WhatIsMadeForADeviceDoesNotStayOnTheHost([Values(WeightFormat.Int8, WeightFormat.Int4)] WeightFormat format)
    {
        long before = NativeBytes.Held;
        using Kosmos2Model model = Kosmos2Model.Load(TestData.ShapesModel, Backends.Create(device), format: format);
        Assert.That(NativeBytes.Held - before, Is.LessThan(Room));
    }
}
