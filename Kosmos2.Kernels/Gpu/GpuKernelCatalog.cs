using System.Reflection;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using Kosmos2.Kernels.Gpu.Kernels;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Kernels.Gpu;

/// <summary>The GPU's kernels by name, and what they are in PTX; no device is needed for either.</summary>
internal static class GpuKernelCatalog
{
    private static readonly DType[] Types = [DType.BF16, DType.F16];

    private static readonly (string Name, bool InClusters, Func<PtxTarget, string> Write)[] Texts =
    [
        .. from types in (MatmulTypes[])[DType.BF16, DType.F16, DType.I8, DType.I32, MatmulTypes.Bytes]
           from tile in MatmulTile.All.Concat(MatmulTile.Split)
           where tile.Takes(types)
           select (MatmulText.Name(tile, types), tile.Splits > 1, (Func<PtxTarget, string>)(target => MatmulText.Write(tile, types, target))),
        .. from norm in (bool[])[false, true] select (ByteRowsText.Name(norm), false, (Func<PtxTarget, string>)(target => ByteRowsText.Write(norm, target))),
        .. from type in Types select (RoundText.Name(type), false, (Func<PtxTarget, string>)(target => RoundText.Write(type, target))),
        .. from type in Types.Prepend(DType.F32)
           from tile in FloatTile.All
           select (FloatMatmulText.Name(tile, type), false, (Func<PtxTarget, string>)(target => FloatMatmulText.Write(tile, type, target))),
        .. from headSize in AttentionTile.HeadSizes select (AttentionText.Name(headSize), false, (Func<PtxTarget, string>)(target => AttentionText.Write(headSize, target))),
        .. from type in CachedAttentionText.Types
           from headSize in AttentionTile.HeadSizes
           select (CachedAttentionText.Name(type, headSize), false, (Func<PtxTarget, string>)(target => CachedAttentionText.Write(type, headSize, target))),
    ];

    /// <summary>Kernels whose PTX is our own.</summary>
    public static IEnumerable<string> Written => Texts.Select(text => text.Name);

    /// <summary>Those that a target can run.</summary>
    public static IEnumerable<string> WrittenFor(PtxTarget target) =>
        Texts.Where(text => target.HasClusters || !text.InClusters).Select(text => text.Name);

    /// <summary>Kernels in C#, which ILGPU translates: <c>RowKernels.L2Normalize</c>, <c>FewRowKernels.Row(HalfView)</c>, <c>CacheKernels.Append(Int8Rows)</c>.</summary>
    public static IEnumerable<string> Translated => Methods().Select(NameOf).Order(StringComparer.Ordinal);

    /// <summary>A kernel's PTX.</summary>
    /// <param name="name">One of <see cref="Written"/> or <see cref="Translated"/>.</param>
    /// <param name="target">What it is for.</param>
    /// <exception cref="ArgumentException">There is no such kernel, or not for this target.</exception>
    public static string Ptx(string name, PtxTarget target)
    {
        (_, bool inClusters, Func<PtxTarget, string>? write) = Texts.FirstOrDefault(text => text.Name == name);
        if (inClusters && !target.HasClusters)
            throw new ArgumentException($"'{name}' runs in clusters of blocks, which {target} does not have; name sm_90");
        if (write is not null)
            return write(target);
        return Methods().FirstOrDefault(method => NameOf(method) == name) is { } kernel
            ? Translate(kernel, target)
            : throw new ArgumentException($"no GPU kernel '{name}'; kosmos2 kernels lists them");
    }

    private static string Translate(MethodInfo kernel, PtxTarget target)
    {
        using Context context = IlgpuDevices.CreateContext(IlgpuDeviceKind.Cuda);
        (CudaArchitecture architecture, CudaInstructionSet instructions) = target == PtxTarget.Hopper
            ? (CudaArchitecture.SM_90, CudaInstructionSet.ISA_78)
            : (CudaArchitecture.SM_80, CudaInstructionSet.ISA_70);
        using var backend = new PTXBackend(context, architecture, instructions, null!);
        EntryPointDescription entry = kernel.GetParameters()[0].ParameterType == typeof(Index1D)
            ? EntryPointDescription.FromImplicitlyGroupedKernel(kernel)
            : EntryPointDescription.FromExplicitlyGroupedKernel(kernel);
        return ((PTXCompiledKernel)backend.Compile(entry, Residency.Of(kernel.DeclaringType!))).PTXAssembly;
    }

    private static IEnumerable<MethodInfo> Methods()
    {
        Type[] types = [.. typeof(TiledLinearKernels).Assembly.GetTypes().Where(type => type.Namespace == typeof(TiledLinearKernels).Namespace)];
        return from type in types
               where type.Name.EndsWith("Kernels", StringComparison.Ordinal)
               from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
               from kernel in method.IsGenericMethodDefinition ? Views(method, types).Select(view => method.MakeGenericMethod(view)) : [method]
               select kernel;
    }

    /// <summary>The stored types that a kernel's type parameter stands for.</summary>
    private static IEnumerable<Type> Views(MethodInfo method, Type[] types)
    {
        Type view = method.GetGenericArguments()[0].GetGenericParameterConstraints().Single(constraint => constraint.IsInterface);
        return types.Where(type => type.IsValueType && view.IsAssignableFrom(type));
    }

    private static string NameOf(MethodInfo method)
    {
        string arguments = method.IsGenericMethod ? $"({string.Join(", ", method.GetGenericArguments().Select(type => type.Name))})" : "";
        return $"{method.DeclaringType!.Name}.{method.Name}{arguments}";
    }
}
