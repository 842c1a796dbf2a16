using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.TensorCores;
using Kosmos2.Tests.Kernels.Gpu.Ptx;

namespace Kosmos2.Tests.Kernels.Gpu;

/// <summary>CUDA without a device: every kernel becomes PTX, the assembly language that NVIDIA's driver takes, for each generation that we name.</summary>
internal sealed class PtxTests
{
    private static readonly PtxTarget[] Targets = [PtxTarget.Ampere, PtxTarget.Hopper];

    [Test]
    public void EveryKernelInCSharpBecomesPtx([ValueSource(nameof(Targets))] PtxTarget target)
    {
        Assert.That(GpuKernelCatalog.Translated.Count(), Is.GreaterThan(15));
        Assert.Multiple(() =>
        {
            foreach (string kernel in GpuKernelCatalog.Translated)
            {
                string ptx = GpuKernelCatalog.Ptx(kernel, target);
                Assert.That(ptx, Does.Contain(".visible .entry").And.Contain($".version {target.Version}"), kernel);
                Assert.That(ptx, Does.Not.Contain(".f16").And.Not.Contain(".f64"), $"{kernel}: no half or double precision is needed");
                Assert.That(ptx, Does.Not.Contain(".local"), $"{kernel}: everything fits in registers");
            }
        });
    }

    [Test]
    public void EveryWrittenTextIsRead([ValueSource(nameof(Targets))] PtxTarget target)
    {
        Assert.That(GpuKernelCatalog.WrittenFor(target).Count(), Is.GreaterThan(50));
        Assert.Multiple(() =>
        {
            foreach (string kernel in GpuKernelCatalog.WrittenFor(target))
            {
                string ptx = GpuKernelCatalog.Ptx(kernel, target);
                Assert.That(PtxProgram.Parse(ptx).Name, Is.EqualTo(kernel));
                Assert.That(ptx, Does.StartWith($".version {target.Version}\n.target {target}\n"), kernel);
                Assert.That(ptx, Does.Not.Contain(".local"), $"{kernel}: everything fits in registers");
                if (!target.HasClusters)
                    Assert.That(ptx, Does.Not.Contain("cluster"), kernel);
            }
        });
    }

    /// <summary>So what the tests execute of a text for one target, they execute of it for the other.</summary>
    [Test]
    public void WrittenTextsHaveTheSameInstructionsForBothTargets() => Assert.Multiple(() =>
    {
        foreach (string kernel in GpuKernelCatalog.WrittenFor(PtxTarget.Ampere))
        {
            PtxProgram ampere = PtxProgram.Parse(GpuKernelCatalog.Ptx(kernel, PtxTarget.Ampere)), hopper = PtxProgram.Parse(GpuKernelCatalog.Ptx(kernel, PtxTarget.Hopper));
            Assert.That(hopper.Threads, Is.EqualTo(ampere.Threads), kernel);
            Assert.That(hopper.Parameters, Is.EqualTo(ampere.Parameters), kernel);
            Assert.That(hopper.Instructions.Select(instruction => instruction.Text), Is.EqualTo(ampere.Instructions.Select(instruction => instruction.Text)), kernel);
        }
    });

    /// <summary>
    /// Kernels of few rows load weights 128 bits at a time, whatever their type, eight loads in a row with nothing that waits between their addresses, and read
    /// the inputs from shared memory as widely. They take no remainder or quotient on the way, which a loop of few operations would mostly consist of.
    /// </summary>
    [Test]
    public void FewRowsLoadEightTimes128BitsTogether(
        [ValueSource(nameof(Targets))] PtxTarget target,
        [Values("FewRowKernels.Row", "FewRowKernels.ThreeLayers")] string kernel,
        [Values("FloatView", "HalfView", "BFloat16View", "Int8View", "Int4View")] string view)
    {
        string ptx = GpuKernelCatalog.Ptx($"{kernel}({view})", target);
        string[] loads = [.. ptx.Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("ld.v", StringComparison.Ordinal))];
        int together = Regex.Split(ptx, @"\bbra\b|\.f32|:\r?\n").Count(part => Regex.Count(part, @"ld\.v4\.b32") == 8);
        Assert.Multiple(() =>
        {
            Assert.That(ptx, Does.Contain(".maxntid").And.Contain(".minnctapersm"));
            Assert.That(loads, Has.Length.GreaterThanOrEqualTo(3 * 8).And.All.StartsWith("ld.v4.b32"), "before the row, within an output, and from it to the next");
            Assert.That(together, Is.GreaterThanOrEqualTo(3), "eight of them with no jump and no arithmetic between");
            Assert.That(ptx, Does.Contain("ld.shared.v4"));
            if (view is "FloatView" or "HalfView" or "BFloat16View")
                Assert.That(ptx, Does.Not.Contain("rem.").And.Not.Contain("div.s32"));
        });
    }

    /// <summary>The tiles of every device bring four inputs of a row and of an output at once, and multiply fours that lie side by side in shared memory.</summary>
    [Test]
    public void TilesLoadFoursTogether(
        [ValueSource(nameof(Targets))] PtxTarget target, [Values("FloatView:v4.f32", "HalfView:v2.b32", "BFloat16View:v2.b32", "Int8View:b32", "Int4View:b32")] string viewAndLoad)
    {
        string[] parts = viewAndLoad.Split(':');
        string ptx = GpuKernelCatalog.Ptx($"TiledLinearKernels.Tiled({parts[0]})", target);
        Assert.Multiple(() =>
        {
            Assert.That(Regex.Count(ptx, @"ld\.shared\.v4\.f32"), Is.EqualTo(2), "both sides of a product");
            Assert.That(ptx, Does.Not.Contain("ld.shared.f32"));
            Assert.That(Regex.Count(ptx, @"ld\.v4\.f32"), Is.EqualTo(parts[1] == "v4.f32" ? 4 : 2), "inputs, before the loop and in it");
            Assert.That(Regex.Count(ptx, $@"ld\.{parts[1]}"), Is.GreaterThanOrEqualTo(2), "weights");
        });
    }

    /// <summary>A norm asks for eight elements of the row, of the gain and of the bias before it waits; each of its two sums takes three barriers, whatever the group.</summary>
    [Test]
    public void NormsWaitThreeTimesASum(
        [ValueSource(nameof(Targets))] PtxTarget target,
        [Values("FloatResult", "BFloat16Result", "HalfResult")] string result)
    {
        string[] lines = [.. GpuKernelCatalog.Ptx($"RowKernels.LayerNorm({result})", target).Split('\n').Select(line => line.Trim())];
        int first = Array.FindIndex(lines, line => line.StartsWith("bar.sync", StringComparison.Ordinal));
        Assert.That(lines.Count(line => line.StartsWith("bar.sync", StringComparison.Ordinal)), Is.EqualTo(2 * 3));
        Assert.That(lines[..first].Count(line => line.StartsWith("ld.f32", StringComparison.Ordinal) || line.StartsWith("ld.global.f32", StringComparison.Ordinal)), Is.GreaterThanOrEqualTo(3 * 8));
    }

    /// <summary>Selection asks for eight logits before it looks at the first, and so for their classes.</summary>
    [Test]
    public void SelectionLoadsEightTokensTogether([ValueSource(nameof(Targets))] PtxTarget target, [Values("f32", "b8")] string type)
    {
        string[] lines = [.. GpuKernelCatalog.Ptx("SelectionKernels.Select", target).Split('\n').Select(line => line.Trim())];
        int first = Array.FindIndex(lines, line => line.StartsWith($"ld.{type}", StringComparison.Ordinal));
        Assert.That(first, Is.GreaterThan(0));
        string[] together = [.. lines[first..].TakeWhile(line => !line.Contains("bra", StringComparison.Ordinal) && !(line.StartsWith("setp", StringComparison.Ordinal) && line.Contains("f32", StringComparison.Ordinal)))];
        Assert.That(together.Count(line => line.StartsWith($"ld.{type}", StringComparison.Ordinal)), Is.EqualTo(8));
    }

    /// <summary>Cached attention looks up eight rows, then asks for eight keys and eight values of them before anything waits for one.</summary>
    [Test]
    public void CachedAttentionLoadsKeysAndValuesTogether(
        [ValueSource(nameof(Targets))] PtxTarget target, [Values("Float32Rows:v4.f32", "BFloat16Rows:v2.b32", "Int8Rows:b32")] string rowsAndLoad)
    {
        string[] parts = rowsAndLoad.Split(':');
        string ptx = GpuKernelCatalog.Ptx($"WideAttentionKernels.Cached({parts[0]})", target);
        Assert.That(Regex.Split(ptx, @"\bbra\b|:\r?\n|(?:mul|add|fma\.rn|mad\.rn)\.f32").Max(part => Regex.Count(part, $@"\sld\.{parts[1]}\s")), Is.GreaterThanOrEqualTo(16));
    }

    /// <summary>
    /// Groups that share the keys of a query: what each has left is on the device before it counts itself, and none reads what others have left before that. The
    /// sums of runs are added up in one place, so that a group alone has the same products and sums.
    /// </summary>
    [Test]
    public void SharedKeysAreFencedBeforeAndAfterTheCount(
        [ValueSource(nameof(Targets))] PtxTarget target, [Values("Float32Rows", "BFloat16Rows", "Int8Rows")] string rows)
    {
        string[] lines = [.. GpuKernelCatalog.Ptx($"WideAttentionKernels.Cached({rows})", target).Split('\n').Select(line => line.Trim())];
        string[] order = [.. lines.Select(line => line.Split([' ', '\t', ';'])[0]).Where(word => word.Split('.')[0] is "membar" or "bar" or "atom" or "ld" or "st")];
        int count = Array.IndexOf(order, "atom.add.u32");
        Assert.Multiple(() =>
        {
            Assert.That(order[(count - 2)..count], Is.EqualTo(new[] { "membar.gl", "bar.sync" }));
            Assert.That(order[(count + 1)..(count + 6)], Is.EqualTo(new[] { "st.b32", "st.shared.f32", "bar.sync", "membar.gl", "ld.shared.f32" }), "the count is set back, and all are told");
            Assert.That(lines.Count(line => line.StartsWith("ex2.approx.f32", StringComparison.Ordinal)), Is.EqualTo(2 + 2), "of a turn of keys and of a run");
        });
    }

    /// <summary>Tiled attention multiplies what it reads from shared memory 128 bits at a time: 8 reads for 64 multiply-adds, of keys as of values.</summary>
    [Test]
    public void TiledAttentionReadsFourFloatsAtATime(
        [ValueSource(nameof(Targets))] PtxTarget target,
        [Values("Packed")] string kernel)
    {
        string[] lines = GpuKernelCatalog.Ptx($"TiledAttentionKernels.{kernel}", target).Split('\n');
        int Count(string instruction) => lines.Count(line => line.TrimStart().StartsWith(instruction, StringComparison.Ordinal));
        Assert.Multiple(() =>
        {
            Assert.That(Count("ld.shared.v4.f32"), Is.GreaterThanOrEqualTo(8 + 8));
            Assert.That(Count("ld.shared.f32") + Count("ld.shared.b32"), Is.Zero);
        });
    }

    /// <summary>ILGPU writes CUDA's launchers into an assembly of its own, whose types name those of our kernels' parameters; without a card nothing else would notice.</summary>
    [Test]
    public void LaunchersMayNameOurParameters() => Assert.That(
        typeof(IlgpuBackend).Assembly.GetCustomAttributes<InternalsVisibleToAttribute>().Select(friend => friend.AssemblyName),
        Does.Contain(ILGPU.Context.RuntimeAssemblyName));

    [Test]
    public void KernelsAreFoundByName()
    {
        Assert.That(GpuKernelCatalog.Ptx("linear_bf16_128x256", PtxTarget.Hopper), Does.Contain(".visible .entry linear_bf16_128x256("));
        Assert.That(GpuKernelCatalog.WrittenFor(PtxTarget.Ampere), Does.Contain("attention_64").And.Contain("attention_cached_bf16_32"));
        Assert.That(GpuKernelCatalog.Translated, Does.Contain("RowKernels.LayerNorm(HalfResult)").And.Contain("FewRowKernels.Row(HalfView)"));
        Assert.That(() => GpuKernelCatalog.Ptx("linear_bf17", PtxTarget.Ampere), Throws.ArgumentException.With.Message.Contains("'linear_bf17'"));
        Assert.That(() => PtxTarget.Parse("sm_70"), Throws.ArgumentException.With.Message.Contains("sm_80, sm_90"));
    }
}
