using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Cpu.Roofline;

namespace Kosmos2.Engine.Measurement;

/// <summary>
/// The shortest time that this machine allows for a part of an answer: that of reading its weights once or that of its operations, whichever is longer
/// (Williams, Waterman and Patterson, 2009). The machine's limits are measured in turns with the model.
/// </summary>
internal sealed class ModelRoofline : IDisposable
{
    /// <summary>
    /// Weights below this many bytes may stay in a last-level cache from one step to the next, and are then read faster than memory. They get no limit of reading.
    /// </summary>
    public const double CacheBytes = 256 << 20;

    private const int Turns = 3;

    private readonly MachinePeaks _peaks;
    private readonly double _stepBytes;
    private readonly bool _fast;

    private ModelRoofline(MachinePeaks peaks, double stepBytes, bool fast)
    {
        _peaks = peaks;
        _stepBytes = stepBytes;
        _fast = fast;
    }

    /// <summary>Cycles a second.</summary>
    public double Clock => _peaks.Clock;

    /// <summary>Bytes a second, all threads together, in the best millisecond.</summary>
    public double Bandwidth => _peaks.Bandwidth;

    /// <summary>Bytes a second over as many as a step of the decoder reads; null for a model that may stay in a cache.</summary>
    public double? StepBandwidth => _stepBytes >= CacheBytes ? _peaks.LongBandwidth : null;

    /// <summary>Operations a second with weights of F32, all threads together.</summary>
    public double FloatPeak => _peaks.FloatPeak;

    /// <summary>Operations a second with weights of bfloat16.</summary>
    public double BFloat16Peak => _fast ? _peaks.BFloat16Peak : FloatPeak;

    /// <summary>Operations a second with weights of 8 bits.</summary>
    public double Int8Peak => _fast ? _peaks.Int8Peak : FloatPeak;

    /// <summary>Operations a second with weights of 4 bits.</summary>
    public double Int4Peak => _fast ? _peaks.Int4Peak : FloatPeak;

    /// <summary>Whether no other program took part of the cores from the loops that count.</summary>
    public bool IsUndisturbed => _peaks.IsUndisturbed;

    /// <summary>Prepares the loops; null where there are none for this machine.</summary>
    /// <param name="options">What the model runs on.</param>
    /// <param name="stepBytes">Weights that a step of the decoder reads.</param>
    public static ModelRoofline? TryCreate(CpuOptions options, double stepBytes) =>
        MachinePeaks.TryCreate(options) is { } peaks ? new ModelRoofline(peaks, stepBytes, options.Products == ProductPrecision.Fast) : null;

    /// <summary>Some turns of the machine's limits: they are short, and what else runs on the machine is not.</summary>
    public void Measure()
    {
        for (int i = 0; i < Turns; i++)
        {
            _peaks.Measure();
            if (_stepBytes >= CacheBytes)
                _peaks.MeasureReading(_stepBytes);
        }
    }

    /// <summary>Seconds that the work takes at least.</summary>
    public double Limit(Work work)
    {
        double reading = work.Bytes >= CacheBytes ? work.Bytes / Bandwidth : 0;
        return Math.Max(reading, Arithmetic(work));
    }

    /// <summary>
    /// Seconds in which memory was read that holds as much as the work's weights, a step's at a time: what other machines leave of it for so long. Null where
    /// the weights may stay in a cache, and where arithmetic takes longer.
    /// </summary>
    public double? Reading(Work work) =>
        work.Bytes >= CacheBytes && work.Bytes / StepBandwidth is double seconds && seconds >= Arithmetic(work) ? seconds : null;

    /// <inheritdoc/>
    public void Dispose() => _peaks.Dispose();

    private double Arithmetic(Work work) => (work.Float / FloatPeak) + (work.BFloat16 / BFloat16Peak) + (work.Int8 / Int8Peak) + (work.Int4 / Int4Peak);
}
