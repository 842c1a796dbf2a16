namespace Kosmos2.Kernels.Cpu.Threading;

/// <summary>Work that all workers of a <see cref="WorkerPool"/> do at once. Holds pointers and numbers only, so that handing it over costs nothing.</summary>
internal interface IJob
{
    /// <summary>Does one worker's share.</summary>
    /// <param name="worker">From 0; 0 is the calling thread.</param>
    /// <param name="workers">How many there are.</param>
    void Run(int worker, int workers);
}
