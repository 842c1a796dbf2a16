using System.CommandLine;
using System.Globalization;
using Kosmos2.Cli.Output;
using Kosmos2.Kernels.Cpu;
using Kosmos2.Kernels.Gpu;

namespace Kosmos2.Cli.Commands;

/// <summary>Lists what <c>--device</c> can name here, and why something that is there cannot be used.</summary>
internal static class DevicesCommand
{
    public static Command Make()
    {
        var json = new Option<bool>("--json") { Description = "One JSON object a device." };
        var command = new Command("devices", "List the devices a model can run on.") { json };
        command.SetAction(parse =>
        {
            IReadOnlyList<IlgpuDevice> devices = IlgpuDevices.Enumerate();
            if (parse.GetValue(json))
                PrintJson(devices);
            else
                Print(devices);
            return ExitCode.Ok;
        });
        return Examples.Attach(command, "kosmos2 devices", "kosmos2 devices --json");
    }

    private static void Print(IReadOnlyList<IlgpuDevice> devices)
    {
        Console.Out.WriteLine($"{"cpu",-10} {CpuDescription.Name}, {Sizes.Bytes(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)}");
        Console.Out.WriteLine($"{"",-10} {CpuDescription.InstructionSets}");
        foreach (IlgpuDevice device in devices)
        {
            Console.Out.WriteLine($"{device.Selector,-10} {device.Name}, {Sizes.Bytes(device.MemoryBytes)}{(device.Capabilities.SharesHostMemory ? " of the host's memory" : "")}");
            Console.Out.WriteLine($"{"",-10} {Capabilities(device.Capabilities)}");
            if (device.Problem is not null)
                Console.Out.WriteLine($"{"",-10} cannot be used: {device.Problem}");
        }
        foreach (IlgpuDeviceKind kind in Enum.GetValues<IlgpuDeviceKind>().Where(kind => devices.All(device => device.Kind != kind)))
        {
            string reason = IlgpuDevices.HasDriver(kind) ? "the driver names no device" : $"no driver ({IlgpuDevices.DriverOf(kind)})";
            Console.Out.WriteLine($"{IlgpuDevices.SelectorOf(kind),-10} {reason}");
        }
        Console.Out.WriteLine($"{"auto",-10} is {IlgpuDevices.Preferred(devices)?.Selector ?? "cpu"}");
    }

    private static string Capabilities(DeviceCapabilities can) => string.Create(
        CultureInfo.InvariantCulture,
        $"{can.Version}, {(can.IsGpu ? "GPU" : "no GPU")}, {can.Multiprocessors} multiprocessors, groups of {can.MostGroupThreads}, "
        + $"{(can.WarpSize > 0 ? $"warps of {can.WarpSize}, " : "")}{can.SharedMemoryBytes / 1024} KiB shared, {(can.Float16 ? "fp16" : "no fp16")}, {(can.Float64 ? "fp64" : "no fp64")}");

    private static void PrintJson(IReadOnlyList<IlgpuDevice> devices)
    {
        string? preferred = IlgpuDevices.Preferred(devices)?.Selector;
        Console.Out.WriteLine(JsonLine.Of(json =>
        {
            json.WriteString("device", "cpu");
            json.WriteString("name", CpuDescription.Name);
            json.WriteBoolean("usable", true);
            json.WriteBoolean("auto", preferred is null);
            json.WriteNumber("memory_bytes", GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        }));
        foreach (IlgpuDevice device in devices)
        {
            Console.Out.WriteLine(JsonLine.Of(json =>
            {
                DeviceCapabilities can = device.Capabilities;
                json.WriteString("device", device.Selector);
                json.WriteString("name", device.Name);
                json.WriteBoolean("usable", device.Problem is null);
                if (device.Problem is not null)
                    json.WriteString("problem", device.Problem);
                json.WriteBoolean("auto", device.Selector == preferred);
                json.WriteNumber("memory_bytes", device.MemoryBytes);
                json.WriteString("version", can.Version);
                json.WriteBoolean("gpu", can.IsGpu);
                json.WriteBoolean("shares_host_memory", can.SharesHostMemory);
                json.WriteNumber("multiprocessors", can.Multiprocessors);
                json.WriteNumber("group_threads", can.MostGroupThreads);
                json.WriteNumber("warp", can.WarpSize);
                json.WriteNumber("shared_bytes", can.SharedMemoryBytes);
                json.WriteBoolean("fp16", can.Float16);
                json.WriteBoolean("fp64", can.Float64);
            }));
        }
    }
}
