using System.Diagnostics;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using Kosmos2.Bench.Peers;
using Kosmos2.Engine.Measurement;
using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.TensorCores;

namespace Kosmos2.Bench;

/// <summary>Our products on a CUDA device against cuBLAS', over the same operands in its memory, taking turns.</summary>
internal static class VersusCublas
{
    // Launches between two waits, so that the wait itself does not count.
    private const int Launches = 20;

    private static readonly MatMulShape[] Shapes =
    [
        new("large", 4096, 4096, 4096),
        new("vision fc1, four pictures", 1028, 4096, 1024),
        new("vision fc1", 257, 4096, 1024),
        new("vision fc2", 257, 1024, 4096),
        new("vision projection", 257, 1024, 1024),
        new("text projection, prompt", 71, 2048, 2048),
        new("text fc1, prompt", 71, 8192, 2048),
        new("text fc2, prompt", 71, 2048, 8192),
        new("text fc1, sixteen sequences", 16, 8192, 2048),
    ];

    /// <summary>Prints the table, or one line that says why there is none.</summary>
    /// <returns>Its rows, but for tiles that the engine does not choose; none without a device.</returns>
    public static IReadOnlyList<ProductFigure> Run(TextWriter output, int turns)
    {
        using Context context = IlgpuDevices.CreateContext(IlgpuDeviceKind.Cuda);
        if (IlgpuDevices.Of(context, IlgpuDeviceKind.Cuda).FirstOrDefault(d => d.Description.Problem is null) is not { Device: { } device, Description: { } named })
        {
            output.WriteLine("no CUDA device on this machine: nothing to compare with cuBLAS");
            return [];
        }
        using var accelerator = (CudaAccelerator)device.CreateAccelerator(context);
        var stream = (CudaStream)accelerator.DefaultStream;
        using Cublas? cublas = Cublas.TryOpen(stream.StreamPtr);
        CudaDriver driver = CudaDriver.Load();
        PtxTarget target = PtxTarget.For(accelerator.Architecture.Major, accelerator.Architecture.Minor);
        using var products = new TensorCoreProducts(driver, target, accelerator.NumMultiprocessors, driver.MostSharedBytes(accelerator.DeviceId));
        using var exact = new ExactProducts(driver, target, accelerator.NumMultiprocessors);
        output.WriteLine($"{named.Name}; {(cublas is null ? "libcublas is not found: ours alone" : "share: our speed as a part of cuBLAS'")}");
        output.WriteLine("rows x outputs x inputs  type  tile            ours TFLOP/s  cuBLAS TFLOP/s  share    (*: a tile that the engine does not choose here)");
        var figures = new List<ProductFigure>();
        foreach (MatMulShape shape in Shapes)
        {
            foreach (DType type in (DType[])[DType.BF16, DType.F16])
            {
                figures.Add(Measure(shape, type, products.TileFor(type, shape.Rows, shape.Outputs, shape.Inputs).ToString(), at =>
                    products.Multiply(stream.StreamPtr, type, at, shape.Rows, shape.Inputs, shape.Outputs, Activation.Identity)));
            }
            foreach (FloatTile tile in FloatTile.All)
            {
                bool chosen = tile == exact.TileFor(shape.Rows, shape.Outputs);
                ProductFigure figure = Measure(shape, DType.F32, tile + (chosen ? "" : " *"), at =>
                    exact.Multiply(tile, stream.StreamPtr, DType.F32, at, shape.Rows, shape.Inputs, shape.Outputs, Activation.Identity));
                if (chosen)
                    figures.Add(figure);
            }
        }
        return figures;

        ProductFigure Measure(MatMulShape shape, DType type, string tile, Action<ProductOperands> ours)
        {
            ProductFigure figure = Row(accelerator, stream, ours, cublas, shape, type, turns);
            string theirs = figure.PeerOperationsPerSecond is double peer ? $"{peer / 1e12:F1}" : "-", share = figure.Share is double part ? $"{part:P0}" : "-";
            output.WriteLine($"{shape,-23}  {type,-4}  {tile,-14}  {figure.OperationsPerSecond / 1e12,12:F1}  {theirs,14}  {share,5}");
            return figure;
        }
    }

    private static ProductFigure Row(
        CudaAccelerator accelerator, CudaStream stream, Action<ProductOperands> multiply, Cublas? cublas, MatMulShape shape, DType type, int turns)
    {
        using MemoryBuffer1D<byte, Stride1D.Dense> x = accelerator.Allocate1D(Numbers(1, shape.Rows * shape.Inputs, type));
        using MemoryBuffer1D<byte, Stride1D.Dense> w = accelerator.Allocate1D(Numbers(2, shape.Outputs * shape.Inputs, type));
        using MemoryBuffer1D<float, Stride1D.Dense> ours = accelerator.Allocate1D<float>((long)shape.Rows * shape.Outputs);
        using MemoryBuffer1D<float, Stride1D.Dense> theirs = accelerator.Allocate1D<float>((long)shape.Rows * shape.Outputs);
        var operands = new ProductOperands((ulong)x.NativePtr, 0, new ProductLayer((ulong)w.NativePtr, 0, (ulong)ours.NativePtr));
        double ourBest = double.PositiveInfinity, theirBest = double.PositiveInfinity;
        for (int turn = 0; turn < turns; turn++)
        {
            ourBest = Math.Min(ourBest, Seconds(stream, () => multiply(operands)));
            if (cublas is not null)
                theirBest = Math.Min(theirBest, Seconds(stream, () => cublas.Multiply(type, x.NativePtr, w.NativePtr, theirs.NativePtr, shape)));
        }
        // Both multiply exactly and sum in F32, in another order.
        if (cublas is not null)
            Agreement.Check($"{shape}, {type}", "cuBLAS", ours.GetAsArray1D(), theirs.GetAsArray1D(), 1e-4);
        return new ProductFigure(shape.Rows, shape.Outputs, shape.Inputs, type, shape.Operations / ourBest, cublas is null ? null : shape.Operations / theirBest);
    }

    private static double Seconds(CudaStream stream, Action launch)
    {
        launch();
        stream.Synchronize();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Launches; i++)
            launch();
        stream.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / Launches;
    }

    private static byte[] Numbers(int seed, int count, DType type)
    {
        float[] floats = Samples.Uniform(seed, count);
        return type == DType.F32 ? MemoryMarshal.AsBytes<float>(floats).ToArray() : MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(floats, v => type == DType.F16
            ? BitConverter.HalfToUInt16Bits((System.Half)v)
            : (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))).ToArray();
    }
}
