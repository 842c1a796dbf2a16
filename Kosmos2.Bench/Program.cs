using BenchmarkDotNet.Running;
using Kosmos2.Bench;
using Kosmos2.Bench.Peers;
using Kosmos2.Weights;

const string Help = $"""
    Benchmarks of the kernels and of a whole model: ours beside ONNX Runtime's, and System.Numerics.Tensors' where it has the operation.

      --cached-attention     a decode step's attention over 64 sequences of 2,000 keys, cached in F32, BF16 and INT8, taking turns.
      --versus-onnxruntime   products over F32, INT8 and INT4 (mapped, packed) and BF16 weights against ONNX Runtime's in F32, and INT8
                             against its MatMulInteger, each in the fastest of three settings, taking turns, on 1 and 2 threads; exit code 1 where mapped F32 is below 0.9 of its speed at 252x1024x1024 or
                             72x8192x2048. Run it on a quiet machine.
    {WholeModelOptions.Help}
      --versus-cublas        products of BF16, F16 and F32 on a CUDA device against cuBLAS', where it is installed.
      --smoke                everything once, in about a minute; exit code 1 where a product is below half of its stated share of the
                             machine's limit, or anything above the limit.
      --filter PATTERN       BenchmarkDotNet with its own options, for example --filter '*MatMul*'.
      --help                 this text.
    """;

switch (args.FirstOrDefault())
{
    case null or "--help":
        Console.WriteLine(Help);
        return 0;
    case "--cached-attention":
        CachedAttentionVersus.Run(Console.Out, sequences: 64, keys: 2000, turns: 12);
        return 0;
    case "--versus-onnxruntime":
        return VersusOnnxRuntime.Run(Console.Out, MatMulShape.All, turns: 12) ? 0 : 1;
    case "--whole-model":
        if (WholeModelOptions.Read(args.AsSpan(1)) is not { } options)
        {
            Console.Error.WriteLine("--whole-model MODEL --peer GRAPHS is wanted; see --help");
            return 2;
        }
        try
        {
            return WholeModel.Run(options, Console.Out) ? 0 : 1;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or InvalidOperationException or Kosmos2FormatException)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    case OnnxChild.Verb:
        return OnnxChild.Serve(args[1..]);
    case "--versus-cublas":
        VersusCublas.Run(Console.Out, turns: 10);
        return 0;
    case "--smoke":
        return Smoke.Run(Console.Out) ? 0 : 1;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(MatMulBenchmarks).Assembly).Run(args, Quick.Configuration);
        return 0;
}
