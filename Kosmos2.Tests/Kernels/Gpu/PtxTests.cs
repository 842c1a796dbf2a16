using System.Reflection;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Kernels;

namespace Kosmos2.Tests.Kernels.Gpu;

/// <summary>CUDA without a device: every kernel is translated to PTX, the assembly language that NVIDIA's driver takes.</summary>
public sealed class PtxTests
{
    private static IEnumerable<MethodInfo> Kernels() =>
        from type in typeof(LinearKernels).Assembly.GetTypes()
        where type.Namespace == typeof(LinearKernels).Namespace && type.Name.EndsWith("Kernels", StringComparison.Ordinal)
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
        from kernel in method.IsGenericMethodDefinition
            ? new[] { typeof(FloatView), typeof(HalfView), typeof(BFloat16View) }.Select(view => method.MakeGenericMethod(view))
            : [method]
        select kernel;

    [Test]
    public void EveryKernelBecomesPtx()
    {
        using Context context = IlgpuDevices.CreateContext(IlgpuDeviceKind.Cuda);
        using var backend = new PTXBackend(context, CudaArchitecture.SM_60, CudaInstructionSet.ISA_60, null!);
        Assert.That(Kernels().Count(), Is.GreaterThan(15));
        Assert.Multiple(() =>
        {
            foreach (MethodInfo kernel in Kernels())
            {
                EntryPointDescription entry = kernel.GetParameters()[0].ParameterType == typeof(Index1D)
                    ? EntryPointDescription.FromImplicitlyGroupedKernel(kernel)
                    : EntryPointDescription.FromExplicitlyGroupedKernel(kernel);
                string ptx = ((PTXCompiledKernel)backend.Compile(entry, KernelSpecialization.Empty)).PTXAssembly;
                Assert.That(ptx, Does.Contain(".visible .entry"), kernel.ToString());
                Assert.That(ptx, Does.Not.Contain(".f16").And.Not.Contain(".f64"), $"{kernel}: no half or double precision is needed");
            }
        });
    }
}
