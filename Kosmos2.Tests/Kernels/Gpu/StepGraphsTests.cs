using Kosmos2.Kernels;
using Kosmos2.Kernels.Gpu.Graphs;

namespace Kosmos2.Tests.Kernels.Gpu;

/// <summary>When a step is run plainly, recorded and repeated, with a driver that only takes notes.</summary>
internal sealed class StepGraphsTests
{
    private readonly Notes _driver = new();
    private readonly StepTable _table = new();
    private StepGraphs _graphs = null!;

    [SetUp]
    public void MakeGraphs()
    {
        _driver.Log.Clear();
        _driver.Made = 0;
        _driver.Refuses = _driver.Fails = false;
        _graphs = new StepGraphs(_driver);
    }

    [TearDown]
    public void DisposeGraphs() => _graphs.Dispose();

    [OneTimeTearDown]
    public void DisposeTable() => _table.Dispose();

    [Test]
    public void AStepRunsPlainlyThenIsRecordedThenRepeated()
    {
        Assert.That(Step(1), Is.EqualTo("plain"));
        Assert.That(Step(1), Is.EqualTo("begin, plain, end, launch 1"));
        Assert.That(Step(1), Is.EqualTo("launch 1"));
        Assert.That(Step(2), Is.EqualTo("plain"), "another number of rows");
        Assert.That(Step(1), Is.EqualTo("launch 1"), "is still known");
    }

    [Test]
    public void RecordingsAreVoidOnceMemoryHasChanged()
    {
        Step(1);
        Step(1);
        Assert.That(Step(1, memory: 8), Is.EqualTo("free 1, plain"));
        Assert.That(Step(1, memory: 8), Is.EqualTo("begin, plain, end, launch 2"));
    }

    [Test]
    public void RecordingsAreVoidOnceTheTableHasMoved()
    {
        Step(1);
        Step(1);
        _table.Reset(rows: 1000, sequences: 1000, blocks: 1, outputs: 1, bans: 0);
        Assert.That(Step(1), Is.EqualTo("plain"));
    }

    [Test]
    public void WhatCannotBeRecordedRunsOnceMoreAndPlainlyFromThenOn()
    {
        _driver.Fails = true;
        Step(1);
        Assert.That(Step(1), Is.EqualTo("begin, plain, end, plain"));
        Assert.That(Step(1), Is.EqualTo("plain"));
        _driver.Fails = false;
        Step(2);
        Assert.That(Step(2), Is.EqualTo("begin, plain, end, launch 1"), "another step may be recordable");
    }

    [Test]
    public void ARecordingThatAnErrorHasCutShortIsForgotten()
    {
        Step(1);
        Assert.That(() => Step(1, () => throw new InvalidOperationException("no room")), Throws.InvalidOperationException);
        _driver.Log.Clear();
        _graphs.Abandon();
        Assert.That(_driver.Log, Is.EqualTo(new[] { "end", "free 1" }));
        Assert.That(Step(1), Is.EqualTo("plain"));
        Assert.That(Step(1), Is.EqualTo("plain"), "the error would come again");
    }

    [Test]
    public void AQueueThatCannotRecordRunsPlainly()
    {
        _driver.Refuses = true;
        Step(1);
        Assert.That(Step(1), Is.EqualTo("begin, plain"));
        Assert.That(Step(1), Is.EqualTo("plain"));
    }

    [Test]
    public void WhatTouchesMemoryThatNobodyWatchesRunsPlainly()
    {
        Step(1);
        Assert.That(Step(1, () => _graphs.Spoil()), Is.EqualTo("begin, plain, end, free 1, plain"));
        Assert.That(Step(1), Is.EqualTo("plain"));
    }

    [Test]
    public void StepsThatComeOnceDoNotDriveOutRecordings()
    {
        Step(1);
        Step(1);
        for (int rows = 2; rows < 600; rows++)
            Assert.That(Step(rows), Is.EqualTo("plain"));
        Assert.That(Step(1), Is.EqualTo("launch 1"));
    }

    [Test]
    public void TheOldestRecordingsAreFreedFirst()
    {
        for (int rows = 1; rows <= 33; rows++)
        {
            Step(rows);
            Step(rows);
        }
        Assert.That(_driver.Log, Does.Contain("free 1").And.Not.Contain("free 2"));
        _graphs.Dispose();
        Assert.That(_driver.Log.Count(line => line.StartsWith("free", StringComparison.Ordinal)), Is.EqualTo(33));
    }

    // What the driver saw of a step, and where its operations were named one by one, one of which may do something.
    private string Step(int rows, Action? operation = null, long memory = 7)
    {
        int before = _driver.Log.Count;
        if (!_graphs.TryRepeat(new StepSignature(this, rows, rows, rows, _table), memory))
        {
            do
            {
                _driver.Log.Add("plain");
                operation?.Invoke();
            }
            while (!_graphs.End());
        }
        return string.Join(", ", _driver.Log.Skip(before));
    }

    private sealed class Notes : IGraphDriver
    {
        public List<string> Log { get; } = [];

        public nint Made { get; set; }

        public bool Refuses { get; set; }

        public bool Fails { get; set; }

        public bool Begin()
        {
            Log.Add("begin");
            return !Refuses;
        }

        public nint End()
        {
            Log.Add("end");
            return Fails ? 0 : ++Made;
        }

        public void Launch(nint graph) => Log.Add($"launch {graph}");

        public void Free(nint graph) => Log.Add($"free {graph}");
    }
}
