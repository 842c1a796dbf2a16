// One operation on the CPU and on the double-precision oracle, compared. This is how every kernel here is tested, in small; swap in
// your own backend, or Backends.Create("opencl"), to see whether it computes the same.
//
//     dotnet run -c Release --project samples/validate-kernel -- [DEVICE]
using Kosmos2.Kernels;

// y = gelu(x W^T + b), the decoder's first feed-forward layer, at sizes that divide nothing.
const int Rows = 7, Inputs = 129, Outputs = 515;
float[] x = Numbers(Rows * Inputs, seed: 1), w = Numbers(Outputs * Inputs, seed: 2), b = Numbers(Outputs, seed: 3);

using IBackend oracle = Backends.Create("reference");
using IBackend device = Backends.Create(args.ElementAtOrDefault(0) ?? "cpu"); // says by a DeviceUnavailableException what is missing
float[] expected = Run(oracle), actual = Run(device);

double worst = 0;
for (int i = 0; i < expected.Length; i++)
    worst = Math.Max(worst, Math.Abs(actual[i] - expected[i]) / (1e-5 + (1e-4 * Math.Abs(expected[i]))));
Console.WriteLine($"{oracle.Description} against {device.Description}");
Console.WriteLine($"{expected.Length} values, the worst at {worst:0.0000} of the tolerance 1e-5 + 1e-4 |b|");

// A kernel must also give a row the same bits whatever other rows run beside it.
float[] alone = Run(device, rows: 1);
bool invariant = alone.AsSpan().SequenceEqual(actual.AsSpan(0, Outputs));
Console.WriteLine($"the first row alone: {(invariant ? "the same bits" : "DIFFERS")}");
return worst <= 1 && invariant ? 0 : 1;

float[] Run(IBackend backend, int rows = Rows)
{
    // A backend brings weights into its own form once; activations are tensors that the caller owns and uses again.
    using Tensor host = Tensor.OnHost(DType.F32, Outputs, Inputs);
    w.CopyTo(host.AsSpan<float>());
    using PreparedWeight weight = backend.Prepare(host);
    using Tensor bias = backend.Allocate(DType.F32, Outputs), input = backend.Allocate(DType.F32, rows, Inputs), output = backend.Allocate(DType.F32, rows, Outputs);
    backend.Upload<float>(b, bias);
    backend.Upload<float>(x.AsSpan(0, rows * Inputs), input);

    backend.Linear(input, new LinearParameters(weight, bias), output, Activation.Gelu);

    var result = new float[rows * Outputs];
    backend.Download<float>(output, result); // the only call that waits
    return result;
}

static float[] Numbers(int count, int seed)
{
    var random = new Random(seed);
    return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 2) - 1)];
}
