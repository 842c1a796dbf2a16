using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Kosmos2.Kernels.Cpu.Assembler;
using Kosmos2.Kernels.Cpu.Linear;
using Kosmos2.Kernels.Cpu.Memory;
using Kosmos2.Kernels.Cpu.Threading;

namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>
/// The limits of this machine on a number of threads: arithmetic in registers and reading of memory far larger than any cache. Measured in turns, so that a
/// caller can measure something else between them; the best of all turns counts, since everything else the machine does only takes time away.
/// </summary>
internal sealed unsafe class MachinePeaks : IMachineLimits, IDisposable
{
    // Some milliseconds at a time: a worker that woke on the caller's core is moved to its own only at a tick of the scheduler, and in
    // a quarter of a millisecond the two ran one after the other.
    private const int LoopTurns = 262144;
    private const int Repeats = 4;
    private const int Prefetched = 4096;
    // Reading is timed in pieces of a millisecond or two, which other programs leave alone more often than a whole pass over the memory.
    private const long PieceBytes = 32L << 20;
    private const int Pieces = 4;

    // Which is fastest depends on the machine.
    private static readonly (int Count, int Ahead)[] Streams = [(1, 0), (1, Prefetched), (2, 0), (2, Prefetched), (4, 0), (4, Prefetched)];

    private readonly List<ExecutableMemory> _code = [];
    private readonly Dictionary<PeakLoop, TileTable> _loops = [];
    private readonly Dictionary<PeakLoop, double> _best = [];
    private readonly List<(TileTable Code, int Streams)> _streams = [];
    private readonly CpuFeatures _features;
    private readonly InstructionSet _set;
    private readonly WorkerPool _pool;
    private byte* _factors;
    private byte* _memory;
    private nint _read;
    private (TileTable Code, int Streams) _fastest;

    private MachinePeaks(CpuOptions options, CpuFeatures features, InstructionSet set)
    {
        Options = options;
        _features = features;
        _set = set;
        _pool = new WorkerPool(options.Workers);
        _factors = (byte*)NativeMemory.AlignedAlloc(64, 64);
        // 1.0 as a bfloat16, so 1.0019 as a float: finite sums whatever reads it.
        new Span<ushort>(_factors, 32).Fill(0x3F80);
    }

    ~MachinePeaks() => Free();

    /// <summary>Bytes that <see cref="Bandwidth"/> reads in turn: far more than a last-level cache.</summary>
    public const long StreamBytes = 512L << 20;

    /// <summary>The backend that these are the limits of.</summary>
    public CpuOptions Options { get; }

    /// <inheritdoc/>
    public int Threads => _pool.Workers;

    /// <inheritdoc/>
    public InstructionSet? Assembled =>
        _features.Assembler && (_set == InstructionSet.Vector512 ? _features.Vnni : _set == InstructionSet.Vector256 && _features.Integers) ? _set : null;

    /// <summary>Whether products of BF16 weights are multiplied as they are.</summary>
    public bool FastBFloat16 => _loops.ContainsKey(PeakLoop.BFloat16) && _features is { Assembler: true, FastBFloat16: true };

    /// <inheritdoc/>
    public double FloatPeak => Math.Max(Peak(PeakLoop.Fma512), Math.Max(Peak(PeakLoop.Fma256), Peak(PeakLoop.Fma128)));

    /// <inheritdoc/>
    public double BFloat16Peak => Math.Max(Peak(PeakLoop.BFloat16), FloatPeak);

    /// <inheritdoc/>
    public double Int8Peak => IntegerPeak(PeakLoop.Bytes, PeakLoop.Shorts512, PeakLoop.Shorts256, PeakLoop.Shorts128);

    /// <inheritdoc/>
    public double Int4Peak => IntegerPeak(PeakLoop.Bytes, PeakLoop.Bytes512, PeakLoop.Bytes256, PeakLoop.Bytes128);

    /// <summary>The loops that the backend's instructions have.</summary>
    public IEnumerable<PeakLoop> Loops => _loops.Keys;

    /// <summary>Whether no other program took part of the cores from the loops that count.</summary>
    public bool IsUndisturbed => Loops.All(IsReached);

    /// <summary>Best clock so far, in cycles a second.</summary>
    public double Clock => _best.GetValueOrDefault(PeakLoop.Clock);

    /// <summary>Best reading so far, in bytes a second, all threads together: that of the best millisecond.</summary>
    public double Bandwidth { get; private set; }

    /// <summary>Best reading of a long stretch so far (<see cref="MeasureReading"/>). Less than <see cref="Bandwidth"/> where other machines share the memory.</summary>
    public double LongBandwidth { get; private set; }

    /// <summary>
    /// Prepares the loops of the instructions that a backend with these options uses; null where code cannot or may not be made executable, where the backend uses no vectors, and on
    /// processors that are no x64 ones with FMA.
    /// </summary>
    /// <param name="options">The backend's.</param>
    public static MachinePeaks? TryCreate(CpuOptions options)
    {
        var features = new CpuFeatures(options.Disable);
        InstructionSet set = features.Choose(options.InstructionSet);
        if (!Fma.X64.IsSupported || !features.Executable || set == InstructionSet.Scalar)
            return null;
        var peaks = new MachinePeaks(options, features, set);
        bool loaded = LoopsOf(set, features).All(loop => peaks.Load(new PeakAssembler(loop), table => peaks._loops.Add(loop, table)))
            && Streams.All(stream => peaks.Load(new StreamAssembler(set == InstructionSet.Vector512, stream.Ahead, stream.Count), table => peaks._streams.Add((table, stream.Count))));
        if (loaded)
            return peaks;
        peaks.Dispose();
        return null;
    }

    /// <summary>Best of a loop so far: multiplications and additions a second, all threads together.</summary>
    public double Peak(PeakLoop loop) => _best.GetValueOrDefault(loop);

    /// <summary>Instructions that a core does in a cycle.</summary>
    public double PerCycle(PeakLoop loop) => Peak(loop) / loop.Operations() / Clock / (loop == PeakLoop.Clock ? 1 : Threads);

    /// <summary>Whether the best of a loop is the machine's.</summary>
    public bool IsReached(PeakLoop loop) => ShareRule.IsWhole(PerCycle(loop));

    /// <summary>One turn of all limits.</summary>
    public void Measure()
    {
        MeasureArithmetic();
        MeasureBandwidth();
    }

    /// <summary>One turn of every loop of arithmetic.</summary>
    public void MeasureArithmetic()
    {
        foreach ((PeakLoop loop, TileTable code) in _loops)
        {
            for (int i = 0; i < Repeats; i++)
            {
                double operations = (double)LoopTurns * PeakAssembler.Instructions * loop.Operations();
                double speed = loop == PeakLoop.Clock ? operations / TimeHere(code) : Threads * operations / Time(code, _factors, 0, LoopTurns, 0);
                _best[loop] = Math.Max(_best.GetValueOrDefault(loop), speed);
            }
        }
    }

    /// <summary>One turn of reading a number of bytes without a pause, as the weights of a step are, in the way that was fastest for a piece.</summary>
    /// <param name="bytes">A whole number of <see cref="StreamBytes"/> is read, at least one.</param>
    public void MeasureReading(double bytes)
    {
        if (Bandwidth == 0)
            MeasureBandwidth();
        nint part = PartOf(StreamBytes);
        int passes = Math.Max(1, (int)Math.Round(bytes / StreamBytes));
        double seconds = 0;
        for (int i = 0; i < passes; i++)
            seconds += Time(_fastest.Code, _memory, part, part / StreamAssembler.TurnBytes, part / _fastest.Streams);
        LongBandwidth = Math.Max(LongBandwidth, passes * (double)part * Threads / seconds);
    }

    public void Dispose()
    {
        _pool.Dispose();
        foreach (ExecutableMemory memory in _code)
            memory.Dispose();
        Free();
        GC.SuppressFinalize(this);
    }

    private static PeakLoop[] LoopsOf(InstructionSet set, CpuFeatures features)
    {
        bool wide = set == InstructionSet.Vector512;
        (PeakLoop[] floats, PeakLoop[] integers) = set switch
        {
            InstructionSet.Vector512 => ((PeakLoop[])[PeakLoop.Fma512, PeakLoop.Fma256, PeakLoop.Fma128], (PeakLoop[])[PeakLoop.Shorts512, PeakLoop.Bytes512]),
            InstructionSet.Vector256 => ([PeakLoop.Fma256, PeakLoop.Fma128], [PeakLoop.Shorts256, PeakLoop.Bytes256]),
            _ => ([PeakLoop.Fma128], [PeakLoop.Shorts128, PeakLoop.Bytes128]),
        };
        if (wide && features is { Assembler: true, Vnni: true })
            integers = [PeakLoop.Bytes];
        else if (!features.Integers)
            integers = [];
        return [PeakLoop.Clock, .. floats, .. wide && features.BFloat16 ? (PeakLoop[])[PeakLoop.BFloat16] : [], .. integers];
    }

    // Integers that have no kernels of their own are multiplied as floats.
    private double IntegerPeak(params PeakLoop[] loops) => loops.Any(_loops.ContainsKey) ? loops.Max(Peak) : FloatPeak;

    // One turn of reading.
    private void MeasureBandwidth()
    {
        if (_memory == null)
        {
            // Ahead of the end lies what is asked for and never read.
            _memory = (byte*)Pages.Reserve((nuint)StreamBytes + (2 * Prefetched));
            new Span<byte>(_memory, int.CreateChecked(StreamBytes + (2 * Prefetched))).Fill(1);
        }
        nint part = PartOf(StreamBytes), piece = PartOf(PieceBytes);
        for (int i = 0; i < Pieces; i++)
        {
            foreach ((TileTable code, int streams) in _streams)
            {
                // The next piece, which all others have driven from the caches since it was last read.
                _read = _read + (2 * piece) > part ? 0 : _read + piece;
                double seconds = Time(code, _memory + _read, part, piece / StreamAssembler.TurnBytes, piece / streams);
                double speed = piece * (double)Threads / seconds;
                if (speed <= Bandwidth)
                    continue;
                Bandwidth = speed;
                _fastest = (code, streams);
            }
        }
    }

    // A thread's, in whole turns of the loops.
    private nint PartOf(long bytes) => (nint)(bytes / Threads) & ~(nint)(StreamAssembler.TurnBytes - 1);

    private bool Load(KernelAssembler assembler, Action<TileTable> add)
    {
        (byte[] code, int[] offsets) = assembler.Assemble();
        if (ExecutableMemory.TryCreate(code) is not { } memory)
            return false;
        _code.Add(memory);
        add(TileTable.Assembled([memory.Address + offsets[0]]));
        return true;
    }

    private double Time(TileTable code, byte* memory, nint stride, nint turns, nint streamStride)
    {
        var job = new RooflineJob(code, memory, stride, turns, streamStride);
        long start = Stopwatch.GetTimestamp();
        _pool.Run(ref job);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    // The clock is the calling thread's core's: on all at once it would only say how busy they are.
    private double TimeHere(TileTable code)
    {
        long start = Stopwatch.GetTimestamp();
        code.Run(1, (float*)_factors, null, null, LoopTurns, 0);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_factors);
        NativeMemory.AlignedFree(_memory);
        _factors = null;
        _memory = null;
    }
}
