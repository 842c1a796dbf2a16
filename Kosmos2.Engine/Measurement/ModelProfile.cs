using Kosmos2.Engine.Model;
using Kosmos2.Kernels.Gpu;
using Kosmos2.Kernels.Gpu.Profiling;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Measurement;

/// <summary>A part of an answer and what its launches take, the longest first.</summary>
/// <param name="Name">As in <c>decode 4</c>.</param>
/// <param name="Kernels">The fastest turn's.</param>
internal sealed record ProfiledPart(string Name, KernelTime[] Kernels)
{
    /// <summary>All kernels together.</summary>
    public double Seconds => Kernels.Sum(kernel => kernel.Seconds);
}

/// <summary>Which kernels of a GPU a model's time goes into: a picture, a prompt, and a step of one and of some sequences, each launch by itself.</summary>
internal static class ModelProfile
{
    private static readonly int[] Batches = [1, 4, 16];

    /// <summary>Measures.</summary>
    /// <param name="folder">The model's.</param>
    /// <param name="options">What it runs on.</param>
    /// <param name="turns">Turns; of each part the fastest counts.</param>
    /// <param name="cancellation">Looked at between turns.</param>
    /// <exception cref="Kosmos2FormatException">The model cannot be read.</exception>
    /// <exception cref="DeviceUnavailableException">The device is no GPU.</exception>
    public static IReadOnlyList<ProfiledPart> Run(string folder, EngineOptions options, int turns, CancellationToken cancellation = default)
    {
        var profile = new KernelProfile();
        using Kosmos2Engine engine = Kosmos2Engine.Load(folder, options with { Profile = profile });
        if (!profile.IsAttached)
            throw new DeviceUnavailableException($"{engine.Model.Backend.Description} has no kernels that can be timed one by one; a GPU has, --device cuda or opencl");
        var parts = new List<ProfiledPart>();
        // The first turn compiles kernels and grows buffers.
        for (int turn = 0; turn <= turns; turn++)
        {
            cancellation.ThrowIfCancellationRequested();
            ProfiledPart[] measured = Answer(engine.Model, profile);
            if (turn == 1)
                parts.AddRange(measured);
            for (int i = 0; i < parts.Count; i++)
                parts[i] = measured[i].Seconds < parts[i].Seconds ? measured[i] : parts[i];
        }
        return parts;
    }

    private static ProfiledPart[] Answer(Kosmos2Model model, KernelProfile profile)
    {
        var prompt = new BenchPrompt(model.Config);
        profile.Begin();
        using ImageEmbeddings image = model.EncodeImages(prompt.Pixels, 1, prompt.Side, prompt.Side);
        var parts = new List<ProfiledPart> { new("encode", profile.End()) };
        using DecodeSession session = model.StartSession([prompt.Sequence], image);
        var chosen = new int[1];
        profile.Begin();
        session.Forward();
        session.SelectTokens(chosen);
        parts.Add(new ProfiledPart("prefill", profile.End()));
        foreach (int batch in Batches)
        {
            session.Rearrange(new int[batch]);
            Array.Resize(ref chosen, batch);
            session.SelectTokens(chosen);
            // Sequences that part from each other copy their last block, which is no part of an ordinary step.
            session.Forward(chosen);
            session.SelectTokens(chosen);
            profile.Begin();
            session.Forward(chosen);
            session.SelectTokens(chosen);
            parts.Add(new ProfiledPart($"decode {batch}", profile.End()));
        }
        return [.. parts];
    }
}
