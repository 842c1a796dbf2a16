using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Kosmos2.Engine.Measurement;
using Kosmos2.Weights;
using Microsoft.ML.OnnxRuntime;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// An <see cref="OnnxModel"/> in a process of its own: this program again, under a verb that its help does not name. Two full-size models in one process would
/// hinder each other's threads and memory. A request is a line on its standard input, the number of tokens or nothing for logits; the answer a line of JSON.
/// </summary>
internal sealed class OnnxChild : IDisposable
{
    /// <summary>First argument of the process.</summary>
    public const string Verb = "onnx-runtime-child";

    private readonly Process _process;

    /// <summary>Starts the process and waits until its model stands.</summary>
    public OnnxChild(string graphs, string folder, int threads, OnnxSetting setting)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
            start.ArgumentList.Add(typeof(OnnxChild).Assembly.Location);
        foreach (string argument in (string[])[Verb, graphs, folder, threads.ToString(CultureInfo.InvariantCulture), setting.Name])
            start.ArgumentList.Add(argument);
        _process = Process.Start(start) ?? throw new InvalidOperationException("this program could not be started again");
        Load = Read<double>();
    }

    /// <summary>Seconds until its sessions stood.</summary>
    public double Load { get; }

    /// <summary>Most memory that the process has had.</summary>
    public long PeakMemory
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>The process' side: answers until its input ends.</summary>
    /// <returns>The exit code.</returns>
    public static int Serve(string[] arguments)
    {
        try
        {
            Answer(arguments);
            return 0;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or OnnxRuntimeException or Kosmos2FormatException)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }

    /// <summary>As <see cref="TimedModel.Answer"/>.</summary>
    public AnswerTimes Answer(int tokens)
    {
        _process.StandardInput.WriteLine(tokens.ToString(CultureInfo.InvariantCulture));
        return Read<AnswerTimes>();
    }

    /// <summary>Logits after the prompt.</summary>
    public float[] Logits()
    {
        _process.StandardInput.WriteLine();
        return Read<float[]>();
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static void Answer(string[] arguments)
    {
        long start = Stopwatch.GetTimestamp();
        OnnxSetting setting = OnnxSetting.All.Single(setting => setting.Name == arguments[3]);
        using var model = new OnnxModel(arguments[0], arguments[1], int.Parse(arguments[2], CultureInfo.InvariantCulture), setting);
        Write(Stopwatch.GetElapsedTime(start).TotalSeconds);
        while (Console.In.ReadLine() is { } line)
        {
            if (line.Length == 0)
                Write(model.Logits());
            else
                Write(model.Answer(int.Parse(line, CultureInfo.InvariantCulture)));
        }
    }

    private static void Write<T>(T value)
    {
        Console.Out.WriteLine(JsonSerializer.Serialize(value));
        Console.Out.Flush();
    }

    private T Read<T>() => _process.StandardOutput.ReadLine() is { } line
        ? JsonSerializer.Deserialize<T>(line)!
        : throw new InvalidOperationException("ONNX Runtime's process ended; what it said stands above");
}
