using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Kosmos2.Engine;
using Kosmos2.Engine.Calibration;
using Kosmos2.Engine.Generation;
using Kosmos2.Imaging;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Weights;

namespace Kosmos2.Tests.Engine;

/// <summary>A device that fails while it runs, by drivers' errors thrown where a device would be.</summary>
internal sealed class DeviceLossTests
{
    private static readonly TestCaseData[] s_losses =
    [
        Named(new CudaException("CUDA_ERROR_ILLEGAL_ADDRESS")),
        Named(new CudaException("CUDA_ERROR_LAUNCH_FAILED")),
        Named(new CudaException("CUDA_ERROR_ECC_UNCORRECTABLE")),
        Named(new CLException(CLError.CL_OUT_OF_RESOURCES)),
        Named(new CLException(CLError.CL_INVALID_COMMAND_QUEUE)),
        Named(new CLException((CLError)(-14))),
    ];

    private static readonly TestCaseData[] s_full =
    [
        Named(new CudaException("CUDA_ERROR_OUT_OF_MEMORY")),
        Named(new CLException(CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE)),
        Named(new CLException(CLError.CL_OUT_OF_HOST_MEMORY)),
    ];

    private static readonly TestCaseData[] s_others =
    [
        Named(new CudaException("CUDA_ERROR_INVALID_VALUE")),
        Named(new CLException(CLError.CL_INVALID_WORK_GROUP_SIZE)),
        Named(new DeviceMemoryException("a buffer", 2, 1)),
        Named(new ArgumentException("a shape")),
    ];

    [TestCaseSource(nameof(s_losses))]
    public void ALostDeviceIsNotAskedAgainAndANewOneAnswers(Exception error)
    {
        FailingDevice device = new();
        using (Kosmos2Engine engine = Load(new LossGuard(device)))
        {
            string answer = Ask(engine);
            device.Error = error;
            DeviceLostException? lost = Assert.Throws<DeviceLostException>(() => Ask(engine));
            Assert.That(lost.InnerException, Is.SameAs(error));
            Assert.That(lost.Message, Does.StartWith($"{device.Description} was lost (").And.EndWith("must be opened again"));

            int calls = device.Calls;
            Assert.That(Assert.Throws<DeviceLostException>(() => Ask(engine)).Message, Is.EqualTo(lost.Message), "the same again");
            Assert.That(device.Calls, Is.EqualTo(calls), "without asking the device");
            using Kosmos2Engine next = Load(new LossGuard(new FailingDevice()));
            Assert.That(Ask(next), Is.EqualTo(answer));
        }
        Assert.That(device.IsDisposed);
    }

    /// <summary>An engine waits before it frees what it holds, and must be able to.</summary>
    [Test]
    public void ALossThatIsFoundWhileWaitingShowsInTheNextAnswer()
    {
        FailingDevice device = new();
        var guard = new LossGuard(device);
        using Kosmos2Engine engine = Load(guard);
        device.Error = new CudaException("CUDA_ERROR_ILLEGAL_ADDRESS");
        guard.Synchronize();
        Assert.That(() => Ask(engine), Throws.TypeOf<DeviceLostException>().With.Message.Contains("CUDA_ERROR_ILLEGAL_ADDRESS"));
        Assert.That(device.Calls, Is.Zero);
    }

    /// <summary>OpenCL gives memory to a buffer when a command first uses it.</summary>
    [TestCaseSource(nameof(s_full))]
    public void ADeviceWithoutRoomForACommandSaysSoAndGoesOn(Exception error)
    {
        FailingDevice device = new();
        var guard = new LossGuard(device);
        using Kosmos2Engine engine = Load(guard);
        string answer = Ask(engine);
        device.Error = error;
        DeviceMemoryException? full = Assert.Throws<DeviceMemoryException>(() => Ask(engine));
        Assert.That(full.InnerException, Is.SameAs(error));
        Assert.That(full.Message, Does.StartWith($"{device.Description} has no room for what it was asked to do ({DeviceLoss.CodeOf(error)})"));
        Assert.That(guard.Synchronize, Throws.TypeOf<DeviceMemoryException>());
        device.Error = null;
        Assert.That(Ask(engine), Is.EqualTo(answer));
    }

    /// <summary>Then it is not known how much is missing.</summary>
    [Test]
    public void AWeightWithoutRoomForItsCopyIsSaidToNeedNoNumberOfBytes()
    {
        var guard = new LossGuard(new FailingDevice { WeightError = new CLException(CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE) });
        DeviceMemoryException? full = Assert.Throws<DeviceMemoryException>(() => Load(guard));
        Assert.That(full.Message, Does.Contain(" has no room for what it was asked to do ").And.Not.Contain("bytes needed"));
    }

    [TestCaseSource(nameof(s_others))]
    public void OtherErrorsPassAsTheyAre(Exception error)
    {
        FailingDevice device = new();
        using Kosmos2Engine engine = Load(new LossGuard(device));
        device.Error = error;
        Assert.That(Assert.Catch(() => Ask(engine)), Is.SameAs(error));
        device.Error = null;
        Assert.That(Ask(engine), Is.Not.Empty, "and the device goes on");
    }

    /// <summary>An operation with a default body in the interface would pass the guard by.</summary>
    [Test]
    public void EveryOperationIsWatched() => Assert.That(
        typeof(LossGuard).GetInterfaceMap(typeof(IBackend)).TargetMethods.Select(method => method.DeclaringType),
        Is.All.EqualTo(typeof(LossGuard)));

    private static TestCaseData Named(Exception error) => new TestCaseData(error).SetArgDisplayNames(DeviceLoss.CodeOf(error));

    private static Kosmos2Engine Load(IBackend backend) =>
        Kosmos2Engine.Load(TestData.ShapesModel, Kosmos2Config.Load(TestData.ShapesModel), backend, new EngineOptions());

    private static string Ask(Kosmos2Engine engine) =>
        engine.Generate(Picture.Load(TestData.File("shapes", "22000000.png")), "<grounding> An image of", new GenerationConfig { MaxNewTokens = 3 }).Raw;

    /// <summary>The CPU, until it has an error.</summary>
    private sealed class FailingDevice() : DelegatingBackend(Backends.Create("cpu", threads: 1))
    {
        public Exception? Error { get; set; }

        public Exception? WeightError { get; init; }

        public int Calls { get; private set; }

        public bool IsDisposed { get; private set; }

        public override PreparedWeight Prepare(Tensor weight) => WeightError is null ? base.Prepare(weight) : throw WeightError;

        public override void Linear(Tensor x, LinearParameters layer, Tensor y, Activation activation, Tensor? residual, LayerNormParameters? norm)
        {
            Calls++;
            if (Error is not null)
                throw Error;
            base.Linear(x, layer, y, activation, residual, norm);
        }

        public override void Synchronize()
        {
            if (Error is not null)
                throw Error;
            base.Synchronize();
        }

        public override void Dispose()
        {
            base.Dispose();
            IsDisposed = true;
            if (Error is not null)
                throw Error;
        }
    }
}
