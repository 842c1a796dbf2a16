namespace Kosmos2.Kernels.Cpu.Roofline;

/// <summary>The most that a machine does on a number of threads.</summary>
internal interface IMachineLimits
{
    /// <summary>The threads.</summary>
    int Threads { get; }

    /// <summary>
    /// Vectors of the assembled micro-kernels that products run on, those of integers among them; null where any of them are compiled for want of instructions or leave to assemble.
    /// </summary>
    InstructionSet? Assembled { get; }

    /// <summary>Operations a second in F32.</summary>
    double FloatPeak { get; }

    /// <summary>Operations a second that no product of BF16 weights can pass: multiplied as they are, or widened where that is faster.</summary>
    double BFloat16Peak { get; }

    /// <summary>Operations a second that no product of 8-bit weights can pass: of the instruction that multiplies them here.</summary>
    double Int8Peak { get; }

    /// <summary>As <see cref="Int8Peak"/>, of 4-bit weights.</summary>
    double Int4Peak { get; }

    /// <summary>Bytes read a second, all threads together.</summary>
    double Bandwidth { get; }
}
