using ILGPU;

namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Where groups that share the keys of a query and head leave their sums for the last of them, which adds all up.</summary>
/// <param name="sums">[queries * heads, <see cref="KeySplits.Most"/>, headSize + 2]: of each run the elements, the largest score and the sum of exponentials.</param>
/// <param name="arrived">[queries * heads] how many groups have left theirs; 0 between launches.</param>
internal readonly struct SharedKeys(ArrayView<float> sums, ArrayView<int> arrived)
{
    private readonly ArrayView<float> _sums = sums;
    private readonly ArrayView<int> _arrived = arrived;

    /// <summary>Floats that a query and head take of the sums.</summary>
    public static int Length(int headSize) => KeySplits.Most * Pitch(headSize);

    /// <summary>Leaves a run's sum, an element a thread.</summary>
    public void Store(int place, int run, int headSize, AttentionSum sum)
    {
        int at = Begin(place, run, headSize);
        if (Group.IdxX < headSize)
            _sums[at + Group.IdxX] = sum.Value;
        if (Group.IdxX == 0)
        {
            _sums[at + headSize] = sum.Largest;
            _sums[at + headSize + 1] = sum.Weights;
        }
    }

    /// <summary>A run's sum, an element a thread; threads past the head have its last.</summary>
    public AttentionSum Load(int place, int run, int headSize)
    {
        int at = Begin(place, run, headSize);
        return new AttentionSum(_sums[at + headSize], _sums[at + headSize + 1], _sums[at + Math.Min(Group.IdxX, headSize - 1)]);
    }

    /// <summary>
    /// Says that this group has left its sums. Every thread calls. What any thread has stored before is on the device before the count, and what others have is
    /// read after it: in OpenCL a fence is a barrier too, so no thread may pass by one.
    /// </summary>
    /// <param name="place">The query and head.</param>
    /// <param name="groups">How many share the keys.</param>
    /// <param name="shared">Memory for a float.</param>
    /// <returns>Whether it was the last; all have then left theirs.</returns>
    public bool Arrive(int place, int groups, ArrayView<float> shared)
    {
        MemoryFence.DeviceLevel();
        Group.Barrier();
        if (Group.IdxX == 0)
        {
            bool last = Atomic.Add(ref _arrived[place], 1) == groups - 1;
            if (last)
                _arrived[place] = 0;
            shared[0] = last ? 1 : 0;
        }
        Group.Barrier();
        MemoryFence.DeviceLevel();
        return shared[0] != 0;
    }

    private static int Begin(int place, int run, int headSize) => ((place * KeySplits.Most) + run) * Pitch(headSize);

    private static int Pitch(int headSize) => headSize + 2;
}
