using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Tests.Engine;

/// <summary>The devices that tests of whole models name. The conformance tests list the backends that are present; these say in one line that theirs is not.</summary>
internal static class ModelDevices
{
    /// <summary>Ends the test as inconclusive where <c>opencl:0</c> or <c>cuda:0</c> is absent.</summary>
    public static void Require(string device)
    {
        if (device.Contains(':') && !IlgpuDevices.Enumerate().Any(found => found.Selector == device && found.Problem is null))
            Assert.Inconclusive($"not run: no {device}{(device == "opencl:0" ? " (tools/opencl/pocl-chroot.sh makes one)" : "")}");
    }
}
