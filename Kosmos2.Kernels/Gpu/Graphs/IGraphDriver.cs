namespace Kosmos2.Kernels.Gpu.Graphs;

/// <summary>A device's way to record what is put into its queue, and to repeat it with one launch.</summary>
internal interface IGraphDriver
{
    /// <summary>From now on launches are recorded instead of run.</summary>
    /// <returns>Whether the queue can do so.</returns>
    bool Begin();

    /// <summary>Ends the recording.</summary>
    /// <returns>What <see cref="Launch"/> takes; 0 where something cannot be recorded, and then nothing has run.</returns>
    nint End();

    /// <summary>Puts a recording into the queue.</summary>
    void Launch(nint graph);

    /// <summary>Frees a recording that no longer runs.</summary>
    void Free(nint graph);
}
