using Kosmos2.Kernels.Cpu.Attention;
using Kosmos2.Kernels.Cpu.Cache;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Simd;
using Kosmos2.Kernels.Cpu.Tokens;
using static Kosmos2.Kernels.Cpu.TensorPointers;

namespace Kosmos2.Kernels.Cpu;

/// <summary>The operations at one vector width: tensors become pointers, and jobs for the workers.</summary>
internal sealed unsafe class SimdKernels<S>(CpuMachine machine) : CpuKernels
    where S : unmanaged, ISimd<S>
{
    public override PanelLayout LayoutOf(ProductFormat format) => format switch
    {
        ProductFormat.BFloat16 => PanelLayout.Of<BFloat16Format<Simd512>>(format, Panel<Simd512>.Width),
        ProductFormat.WidenedBFloat16 => PanelLayout.Of<HalfFormat<S, BF16Format>>(format, Panel<S>.Width),
        ProductFormat.WidenedFloat16 => PanelLayout.Of<HalfFormat<S, F16Format>>(format, Panel<S>.Width),
        ProductFormat.Int8 => PanelLayout.Of<Int8Format<S, PlainBytes>>(format, Panel<S>.Width),
        ProductFormat.PairedInt8 => PanelLayout.Of<Int8Format<S, PairedBytes>>(format, Panel<S>.Width),
        ProductFormat.Int4 => PanelLayout.Of<Int4Format<S>>(format, Panel<S>.Width),
        _ => PanelLayout.Of<Float32Format<S>>(format, Panel<S>.Width),
    };

    public override void Linear(Tensor x, ReadOnlySpan<LinearOperands> layers, LayerNormParameters? norm)
    {
        // Neighbours of one format share the packed rows.
        for (int start = 0, end; start < layers.Length; start = end)
        {
            for (end = start + 1; end < layers.Length && layers[end].Format == layers[start].Format;)
                end++;
            Run(Floats(x), x.Rows, norm, layers[start..end]);
        }
    }

    public override void LayerNorm(Tensor x, LayerNormParameters norm, Tensor y) => Normalize(x, new NormOperands(norm), y);

    public override void L2Normalize(Tensor x, Tensor y) => Normalize(x, null, y);

    public override void PatchEmbed(Tensor pixels, PatchEmbeddingParameters embedding, Tensor y)
    {
        var patches = new PatchesJob
        {
            Pixels = Floats(pixels),
            Channels = (int)pixels.Shape[1],
            Height = (int)pixels.Shape[2],
            Width = (int)pixels.Shape[3],
            Side = embedding.PatchSize,
        };
        int count = patches.Height / patches.Side * (patches.Width / patches.Side);
        int hidden = embedding.Patch.Shape.Rows;
        patches.Rows = machine.Staging.Reserve((long)count * embedding.Patch.Shape.Width);
        float* positions = Floats(embedding.Positions);
        float* classToken = Floats(embedding.ClassToken);
        float* image = Floats(y);
        for (long entry = 0; entry < pixels.Shape[0]; entry++)
        {
            for (int i = 0; i < hidden; i++)
                image[i] = classToken[i] + positions[i];
            machine.Pool.Run(ref patches);
            var layer = new LinearOperands((CpuWeight)embedding.Patch, image + hidden) { Residual = positions + hidden };
            Run(patches.Rows, count, null, new ReadOnlySpan<LinearOperands>(in layer));
            patches.Pixels += (nint)patches.Channels * patches.Height * patches.Width;
            image += (1 + (nint)count) * hidden;
        }
    }

    public override void EmbedRows(StepTable step, CpuWeight embeddings, Tensor? given, float scale, Tensor positions, Tensor y)
    {
        bool unpacks = embeddings is PackedWeight { IsComplete: true } && PanelRow.IsExact(embeddings.Format);
        var job = new EmbedRowsJob<S>
        {
            Embeddings = unpacks ? default : embeddings.Operands,
            Packed = unpacks ? new LinearOperands(embeddings, null) : default,
            Given = given is null ? null : Floats(given),
            Positions = Floats(positions),
            Y = Floats(y),
            Scale = scale,
            Rows = step.RowCount,
            Width = embeddings.Shape.Width,
            TokenIds = Section(step, StepTable.Section.TokenIds),
            GivenRows = Section(step, StepTable.Section.GivenRows),
            PositionRows = Section(step, StepTable.Section.Positions),
        };
        machine.Pool.Run(ref job);
    }

    public override void Attention(Tensor q, Tensor k, Tensor v, Tensor y, int batch, int heads, float scale, Tensor? probabilities)
    {
        if (y.Rows == 0)
            return;
        int headSize = y.Width / heads;
        var job = new DenseAttentionJob<S>
        {
            Q = Floats(q),
            K = Floats(k),
            V = Floats(v),
            Y = Floats(y),
            Probabilities = probabilities is null ? null : Floats(probabilities),
            Batch = batch,
            Heads = heads,
            HeadSize = headSize,
            Queries = y.Rows / batch,
            Keys = k.Rows / batch,
            SharedQueries = q.Rows != y.Rows,
            Scale = scale,
            Tiles = machine.Tiles.Plain,
            Scratch = machine.ReservePrivate(AttentionScratch<S>.Length(headSize), out nint stride),
            ScratchStride = stride,
        };
        machine.Pool.Run(ref job);
    }

    public override void AppendKeyValues(StepTable step, Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
    {
        switch (blocks.Format)
        {
            case CacheFormat.Float32:
                AppendKeyValues<CachedFloat32>(step, k, v, blocks, layer);
                break;
            case CacheFormat.BFloat16:
                AppendKeyValues<CachedBFloat16>(step, k, v, blocks, layer);
                break;
            default:
                AppendKeyValues<CachedInt8>(step, k, v, blocks, layer);
                break;
        }
    }

    public override void CachedAttention(StepTable step, Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities)
    {
        switch (blocks.Format)
        {
            case CacheFormat.Float32:
                CachedAttention<CachedFloat32>(step, q, blocks, layer, scale, y, probabilities);
                break;
            case CacheFormat.BFloat16:
                CachedAttention<CachedBFloat16>(step, q, blocks, layer, scale, y, probabilities);
                break;
            default:
                CachedAttention<CachedInt8>(step, q, blocks, layer, scale, y, probabilities);
                break;
        }
    }

    public override void SelectTokens(StepTable step, Tensor logits, Tensor results, TokenClasses? classes)
    {
        bool draws = false;
        foreach (TokenChoice choice in step.Choices)
            draws |= choice.IsDrawn;
        var job = new SelectTokensJob<S>
        {
            Logits = Floats(logits),
            Results = (int*)results.HostPointer,
            Outputs = step.OutputCount,
            Vocabulary = logits.Width,
            BanStarts = Section(step, StepTable.Section.BanStarts),
            Bans = Section(step, StepTable.Section.Bans),
            Choices = (TokenChoice*)Section(step, StepTable.Section.Choices),
            Rules = (TokenRule*)Section(step, StepTable.Section.Rules),
            Classes = classes is null ? null : (sbyte*)classes.Numbers.HostPointer,
            Grid = classes?.Grid ?? default,
            PenalisedStarts = Section(step, StepTable.Section.PenalisedStarts),
            Penalised = Section(step, StepTable.Section.Penalised),
            Scratch = machine.ReservePrivate(SelectTokensJob<S>.ScratchLength(logits.Width, draws), out nint stride),
            ScratchStride = stride,
        };
        machine.Pool.Run(ref job);
    }

    private void AppendKeyValues<TFormat>(StepTable step, Tensor k, Tensor v, KeyValueBlocks blocks, int layer)
        where TFormat : ICachedFormat
    {
        var job = new AppendKeyValuesJob<TFormat>
        {
            K = Floats(k),
            V = Floats(v),
            Keys = blocks.Keys(layer).HostPointer,
            Values = blocks.Values(layer).HostPointer,
            Rows = step.RowCount,
            Heads = blocks.Heads,
            HeadSize = blocks.HeadSize,
            Slots = Section(step, StepTable.Section.Slots),
            Scratch = machine.ReservePrivate(blocks.HeadSize, out nint stride),
            ScratchStride = stride,
        };
        machine.Pool.Run(ref job);
    }

    private void CachedAttention<TFormat>(StepTable step, Tensor q, KeyValueBlocks blocks, int layer, float scale, Tensor y, Tensor? probabilities)
        where TFormat : ICachedFormat
    {
        var job = new CachedAttentionJob<S, TFormat>
        {
            Q = Floats(q),
            Y = Floats(y),
            Probabilities = probabilities is null ? null : Floats(probabilities),
            Keys = blocks.Keys(layer).HostPointer,
            Values = blocks.Values(layer).HostPointer,
            Bias = Floats(blocks.KeyBias),
            Sequences = step.SequenceCount,
            RowStarts = Section(step, StepTable.Section.RowStarts),
            KeyCounts = Section(step, StepTable.Section.KeyCounts),
            BlockStarts = Section(step, StepTable.Section.BlockStarts),
            Blocks = Section(step, StepTable.Section.Blocks),
            Heads = blocks.Heads,
            HeadSize = blocks.HeadSize,
            Scale = scale,
            Tiles = machine.Tiles.Plain,
            Scratch = machine.ReservePrivate(AttentionScratch<S>.Length(blocks.HeadSize), out nint stride),
            ScratchStride = stride,
        };
        machine.Pool.Run(ref job);
    }

    private void Run(float* x, int rows, LayerNormParameters? norm, ReadOnlySpan<LinearOperands> layers)
    {
        switch (layers[0].Format)
        {
            case ProductFormat.BFloat16:
                LinearKernel.Run<Simd512, BFloat16Format<Simd512>>(machine, machine.Assembled!.BFloat16!, x, rows, norm, layers);
                break;
            case ProductFormat.Int8 when DirectKernel.Fits<S, Int8Direct>(rows, layers):
                DirectKernel.Run<S, Int8Format<S, PlainBytes>, Int8Direct>(machine, x, rows, norm, layers);
                break;
            case ProductFormat.Int8:
                LinearKernel.Run<S, Int8Format<S, PlainBytes>>(machine, machine.Int8!, x, rows, norm, layers);
                break;
            case ProductFormat.PairedInt8 when DirectKernel.Fits<S, PairedInt8Direct>(rows, layers):
                DirectKernel.Run<S, Int8Format<S, PairedBytes>, PairedInt8Direct>(machine, x, rows, norm, layers);
                break;
            case ProductFormat.PairedInt8:
                LinearKernel.Run<S, Int8Format<S, PairedBytes>>(machine, machine.Int8!, x, rows, norm, layers);
                break;
            case ProductFormat.Int4 when DirectKernel.Fits<S, Int4Direct>(rows, layers):
                DirectKernel.Run<S, Int4Format<S>, Int4Direct>(machine, x, rows, norm, layers);
                break;
            case ProductFormat.Int4:
                LinearKernel.Run<S, Int4Format<S>>(machine, machine.Int4!, x, rows, norm, layers);
                break;
            case ProductFormat.WidenedBFloat16:
                LinearKernel.Run<S, HalfFormat<S, BF16Format>>(machine, machine.Assembled?.WidenedBFloat16 ?? machine.Tiles, x, rows, norm, layers);
                break;
            case ProductFormat.WidenedFloat16:
                LinearKernel.Run<S, HalfFormat<S, F16Format>>(machine, machine.Tiles, x, rows, norm, layers);
                break;
            default:
                LinearKernel.Run<S, Float32Format<S>>(machine, machine.Tiles, x, rows, norm, layers);
                break;
        }
    }

    private void Normalize(Tensor x, NormOperands? norm, Tensor y)
    {
        var job = new NormalizeRowsJob<S>(Floats(x), Floats(y), x.Rows, x.Width, norm);
        machine.Pool.Run(ref job);
    }
}
