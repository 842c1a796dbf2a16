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

    /// <summary>
    /// A share above this is a mistake of counting or measuring. Best time and best limit come from different moments, between which a core's frequency
    /// moves by as much as two measurements of one speed lie apart.
    /// </summary>
    public const double LargestShare = 1 + MachinePeaks.Tolerance;

    private const int Turns = 3;

    private readonly MachinePeaks _peaks;
    private readonly bool _fast;

    private ModelRoofline(MachinePeaks peaks, bool fast)
    {
        _peaks = peaks;
        _fast = fast;
    }

    /// <summary>Cycles a second.</summary>
    public double Clock => _peaks.Clock;

    /// <summary>Bytes a second, all threads together.</summary>
    public double Bandwidth => _peaks.Bandwidth;

    /// <summary>Operations a second with weights of F32, all threads together.</summary>
    public double FloatPeak => _peaks.FloatPeak;

    /// <summary>Operations a second with weights of bfloat16.</summary>
    public double BFloat16Peak => _fast && _peaks.Peak(PeakLoop.BFloat16) is > 0 and double peak ? peak : FloatPeak;

    /// <summary>
    /// Operations a second with weights of small integers. Without VNNI what no product can pass: vpmaddubsw multiplies four times as many numbers as a multiply-add of
    /// floats of its width, and is issued no more often.
    /// </summary>
    public double IntegerPeak => !_fast ? FloatPeak : _peaks.Peak(PeakLoop.Bytes) is > 0 and double peak ? peak : 4 * FloatPeak;

    /// <summary>Whether no other program took part of the cores from the loops that count.</summary>
    public bool IsUndisturbed => _peaks.Loops.All(_peaks.IsReached);

    /// <summary>Prepares the loops; null where there are none for this machine.</summary>
    /// <param name="threads">Threads of the model.</param>
    /// <param name="precision">What its small weights are multiplied by.</param>
    public static ModelRoofline? TryCreate(int threads, ProductPrecision precision) =>
        MachinePeaks.TryCreate(threads) is { } peaks ? new ModelRoofline(peaks, precision == ProductPrecision.Fast) : null;

    /// <summary>Some turns of the machine's limits: they are short, and what else runs on the machine is not.</summary>
    public void Measure()
    {
        for (int i = 0; i < Turns; i++)
        {
            _peaks.MeasureArithmetic();
            _peaks.MeasureBandwidth();
        }
    }

    /// <summary>Seconds that the work takes at least.</summary>
    public double Limit(Work work)
    {
        double reading = work.Bytes >= CacheBytes ? work.Bytes / Bandwidth : 0;
        double arithmetic = (work.Float / FloatPeak) + (work.BFloat16 / BFloat16Peak) + (work.Integer / IntegerPeak);
        return Math.Max(reading, arithmetic);
    }

    /// <inheritdoc/>
    public void Dispose() => _peaks.Dispose();
}
