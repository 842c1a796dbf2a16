namespace Kosmos2.Kernels.Cpu;

/// <summary>Addresses of checked operands.</summary>
internal static unsafe class TensorPointers
{
    public static float* Floats(Tensor tensor) => (float*)tensor.HostPointer;

    public static int* Section(StepTable step, StepTable.Section section) => (int*)step.Storage.HostPointer + step.Offset(section);
}
