using Kosmos2.Kernels;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Tests.Kernels.Conformance;
using Lanes16 = Kosmos2.Tests.Kernels.Cpu.MachineCode.SimdPair<Kosmos2.Tests.Kernels.Cpu.MachineCode.SimdPair<Kosmos2.Kernels.Cpu.Simd.Simd128>>;
using Lanes8 = Kosmos2.Tests.Kernels.Cpu.MachineCode.SimdPair<Kosmos2.Kernels.Cpu.Simd.Simd128>;

namespace Kosmos2.Tests.Kernels.Cpu.MachineCode;

/// <summary>c += a b for a tile of rows: a [depth][words of a step][rows], b [depth][words of a panel], c [rows], a row every <paramref name="stride"/> floats.</summary>
internal delegate void TileProduct(int rows, float[] a, float[] b, float[] c, int depth, int stride);

/// <summary>An assembled kernel for products, operands for it as the engine packs them, and the sums that it must give.</summary>
/// <param name="name">As in <see cref="KernelCatalog"/>.</param>
/// <param name="bits">Bits of a weight.</param>
/// <param name="runs">Whether this machine can run it.</param>
/// <param name="make">The assembler, for each number of <see cref="TileKernels.LinesAhead"/>.</param>
/// <param name="expected">The sums.</param>
internal abstract class ProductKernel(string name, int bits, bool runs, Func<int, KernelAssembler> make, TileProduct expected)
{
    public static ProductKernel[] All { get; } =
    [
        new ProductKernel<Lanes16, Float32Format<Lanes16>>(
            "f32", 32, Simd512.IsSupported, lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.Float32, lines), TileSums.Of(TileTable.Compiled<Lanes16>())),
        new ProductKernel<Lanes16, BFloat16Format<Lanes16>>(
            "bf16", 16, Simd512.IsSupported && new CpuFeatures("").BFloat16,
            lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.BFloat16, lines), TileSums.OfBFloat16s),
        new ProductKernel<Lanes16, HalfFormat<Lanes16, BF16Format>>(
            "bf16-exact", 16, Simd512.IsSupported, lines => new TileAssembler(TileRegisters.Zmm, TileArithmetic.WidenedBFloat16, lines), TileSums.OfWidenedBFloat16s),
        new ProductKernel<Lanes16, Int8Format<Lanes16, PlainBytes>>(
            "int8", 8, Simd512.IsSupported && new CpuFeatures("").Vnni, lines => new ByteTileAssembler(PlainBytes.Words, lines), TileSums.OfBytes),
        new ProductKernel<Lanes16, Int4Format<Lanes16>>(
            "int4", 4, Simd512.IsSupported && new CpuFeatures("").Vnni, lines => new NibbleTileAssembler(lines), TileSums.OfNibbles),
        new ProductKernel<Lanes8, Float32Format<Lanes8>>(
            "f32-avx2", 32, Simd256.IsSupported, lines => new TileAssembler(TileRegisters.Ymm, TileArithmetic.Float32, lines), TileSums.Of(TileTable.Compiled<Lanes8>())),
        new ProductKernel<Lanes8, Int8Format<Lanes8, PairedBytes>>(
            "int8-avx2", 8, Simd256.IsSupported, lines => new PairTileAssembler(PairedBytes.Words, lines), TileSums.Of(TileTable.Int8<Lanes8>())),
    ];

    public string Name => name;

    public bool Runs => runs;

    public TileProduct Expected => expected;

    /// <summary>Error of one element of <see cref="Expected"/> beside it: 0, except where the order of a sum is not ours to tell.</summary>
    public float Tolerance => name == "bf16" ? 1e-5f : 0;

    /// <summary>Error of a whole product, relative: what rounding the rows costs.</summary>
    public double RoundingError => name switch { "f32" or "f32-avx2" or "bf16-exact" => 1e-6, "bf16" => 5e-3, _ => 2e-2 };

    /// <summary>The numbers of lines that it is assembled to ask for.</summary>
    public int[] LinesAhead => (name == "int4" ? NibbleTileAssembler.LinesAhead : TileKernels.LinesAhead).ToArray();

    /// <summary>Rows of the largest tile.</summary>
    public int MostRows => make(0).MostRows;

    /// <summary>Inputs of a step.</summary>
    public abstract int StepInputs { get; }

    /// <summary>Pairs of vectors of weights of a step.</summary>
    public abstract int StepLoads { get; }

    /// <summary>Steps of a block.</summary>
    public abstract int BlockSteps { get; }

    /// <summary>Outputs of a panel.</summary>
    public abstract int Width { get; }

    public KernelAssembler Assembler(int linesAhead) => make(linesAhead);

    /// <summary>Random weights of one panel.</summary>
    public PreparedWeight Weight(Workbench bench, int inputs) => bits switch
    {
        32 => bench.Weight(2, DType.F32, Width, inputs),
        16 => bench.Weight(2, DType.BF16, Width, inputs),
        _ => bench.Quantized(2, bits, Width, inputs, bits == 8 ? 0 : 32),
    };

    /// <summary>x W^T for the rows of a tile and one panel, as a job of the engine computes it, block by block; memory between rows of sums is filled with NaN.</summary>
    /// <param name="x">[rows, inputs].</param>
    /// <param name="rows">Rows of the tile.</param>
    /// <param name="weight">[Width, inputs], as it lies in memory.</param>
    /// <param name="stride">Floats from one row of sums to the next.</param>
    /// <param name="tile">Adds a block's products.</param>
    /// <returns>[rows, Width].</returns>
    public abstract float[] Multiply(float[] x, int rows, CpuWeight weight, int stride, TileProduct tile);

    public override string ToString() => name;
}

/// <summary>As the other, with its format.</summary>
internal sealed unsafe class ProductKernel<S, TFormat>(string name, int bits, bool runs, Func<int, KernelAssembler> make, TileProduct expected)
    : ProductKernel(name, bits, runs, make, expected)
    where S : unmanaged, ISimd<S>
    where TFormat : unmanaged, IProductFormat
{
    public override int StepInputs => TFormat.StepInputs;

    public override int StepLoads => TFormat.StepLoads;

    public override int BlockSteps => TFormat.BlockSteps;

    public override int Width => Panel<S>.Width;

    public override float[] Multiply(float[] x, int rows, CpuWeight weight, int stride, TileProduct tile)
    {
        var layer = new LinearOperands(weight, null);
        int steps = (layer.Inputs + StepInputs - 1) / StepInputs, rowWords = TFormat.StepWords * rows;
        float[] words = new float[steps * rowWords], scales = new float[rows], room = new float[BlockSteps * Math.Max(TFormat.PanelWords, Width)];
        float[] strip = new float[((rows - 1) * stride) + Width], sums = new float[rows * Width];
        Array.Fill(strip, float.NaN);
        fixed (float* source = x, packedWords = words, rowScales = scales, working = room, result = sums)
        {
            var packed = new PackedRows { Source = source, Inputs = layer.Inputs, Words = packedWords, Scales = rowScales };
            TFormat.PackRows(packed, new RowPanels(rows, MostRows), 0, working);
            TFormat.Begin(&layer, 0, packed, rows, result);
            Copy(sums, Width, strip, stride);
            for (int step = 0; step < steps; step += BlockSteps)
            {
                int count = Math.Min(BlockSteps, steps - step);
                float[] block = new float[count * TFormat.PanelWords];
                fixed (float* panel = block)
                    TFormat.PackWeight(&layer, 0, step, count, panel, working);
                tile(rows, words[(step * rowWords)..((step + count) * rowWords)], block, strip, count, stride);
            }
            Copy(strip, stride, sums, Width);
            TFormat.Finish(&layer, 0, packed, rows, result);
        }
        return sums;

        void Copy(float[] from, int fromStride, float[] to, int toStride)
        {
            for (int row = 0; row < rows; row++)
                from.AsSpan(row * fromStride, Width).CopyTo(to.AsSpan(row * toStride));
        }
    }
}
