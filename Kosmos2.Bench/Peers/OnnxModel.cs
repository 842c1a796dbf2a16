using System.Diagnostics;
using Kosmos2.Engine.Measurement;
using Kosmos2.Engine.Model;
using Kosmos2.Kernels;
using Kosmos2.Weights;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Tensor = Kosmos2.Kernels.Tensor;

namespace Kosmos2.Bench.Peers;

/// <summary>
/// KOSMOS-2 on ONNX Runtime: encoder.onnx, and decoder.onnx for one sequence, whose embeddings, positions and mask are its caller's. All inputs and outputs are
/// bound to memory of our own before any clock runs. Keys and values go from one of two caches into the other with each step, which is how such graphs do without copies of ours.
/// </summary>
internal sealed unsafe class OnnxModel : IDisposable
{
    private const float Masked = -1e30f;
    private const int MostTokens = 256;

    // Graphs that come from memory say nothing about where their weights lie.
    private const string WeightFolder = "session.model_external_initializers_file_folder_path";

    private readonly Kosmos2TextConfig _text;
    private readonly BenchPrompt _prompt;
    private readonly Checkpoint _checkpoint;
    private readonly Tensor _embeddings;
    private readonly InferenceSession _encoder;
    private readonly InferenceSession _decoder;
    private readonly RunOptions _run = new();
    private readonly string[] _inputs;
    private readonly string[] _outputs;
    private readonly Tensor _picture;     // [latents, W]
    private readonly Tensor _hidden;      // [tokens, W]
    private readonly Tensor _mask;        // [tokens, past + tokens]
    private readonly Tensor _logits;      // [1, V]
    private readonly Tensor[] _caches;    // two, each [layers * 2][heads, tokens, head size]
    private readonly float[] _positions;
    private readonly OrtValue _pixels;
    private readonly OrtValue _image;
    private readonly List<Pass> _passes = [];
    private int _past;

    public OnnxModel(string graphs, string folder, int threads, OnnxSetting setting)
    {
        Kosmos2Config config = Kosmos2Config.Load(folder);
        _text = config.TextConfig;
        _prompt = new BenchPrompt(config);
        _checkpoint = Checkpoint.Open(folder);
        _embeddings = _checkpoint["text_model.model.embed_tokens.weight"];
        using (SessionOptions options = setting.Options(threads))
        {
            options.AddSessionConfigEntry(WeightFolder, Path.GetFullPath(folder));
            _encoder = new InferenceSession(OnnxGraph.Read(Path.Combine(graphs, "encoder.onnx"), _checkpoint.Files[0]), options);
            _decoder = new InferenceSession(OnnxGraph.Read(Path.Combine(graphs, "decoder.onnx"), _checkpoint.Files[0]), options);
        }
        string[] names = [.. Enumerable.Range(0, _text.Layers).SelectMany(i => (string[])[$"key_{i}", $"value_{i}"])];
        _inputs = ["hidden", "mask", .. names.Select(name => $"past_{name}")];
        _outputs = ["logits", .. names.Select(name => $"present_{name}")];
        _picture = Tensor.OnHost(DType.F32, _prompt.Latents, _text.EmbedDim);
        _hidden = Tensor.OnHost(DType.F32, MostTokens, _text.EmbedDim);
        _mask = Tensor.OnHost(DType.F32, MostTokens, MostTokens);
        _logits = Tensor.OnHost(DType.F32, 1, _text.VocabSize);
        _caches = [.. Enumerable.Range(0, 2).Select(_ => Tensor.OnHost(DType.F32, names.Length, MostTokens * _text.EmbedDim))];
        // Tokens of a sequence stand at positions 2, 3, ...
        _positions = SinusoidalPositions.Compute(MostTokens + 2, _text.EmbedDim, _text.PadTokenId);
        _pixels = OrtValue.CreateTensorValueFromMemory(_prompt.Pixels, [1, _prompt.Pixels.Length / (_prompt.Side * _prompt.Side), _prompt.Side, _prompt.Side]);
        _image = Bind(_picture.HostPointer, _prompt.Latents, _text.EmbedDim);
    }

    /// <summary>As <see cref="TimedModel.Answer"/>.</summary>
    public AnswerTimes Answer(int tokens)
    {
        var chosen = new int[tokens];
        var steps = new double[tokens - 1];
        BindPasses(tokens);
        long start = Stopwatch.GetTimestamp();
        Encode();
        double encode = TimedModel.Lap(ref start);
        chosen[0] = Prefill();
        double prefill = TimedModel.Lap(ref start);
        for (int i = 0; i < steps.Length; i++)
        {
            Embed(0, chosen[i], -1);
            chosen[i + 1] = Decode(i + 1, 1);
            steps[i] = TimedModel.Lap(ref start);
        }
        return new AnswerTimes(encode, prefill, steps, chosen);
    }

    /// <summary>Logits after the prompt.</summary>
    public float[] Logits()
    {
        BindPasses(1);
        Encode();
        Prefill();
        return _logits.AsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        foreach (OrtValue value in (OrtValue[])[_pixels, _image, .. _passes.SelectMany(pass => pass.Inputs), .. _passes.SelectMany(pass => pass.Outputs)])
            value.Dispose();
        _encoder.Dispose();
        _decoder.Dispose();
        _run.Dispose();
        foreach (Tensor tensor in (Tensor[])[_picture, _hidden, _mask, _logits, .. _caches])
            tensor.Dispose();
        _checkpoint.Dispose();
    }

    private void Encode() => _encoder.Run(_run, ["pixel_values"], [_pixels], ["image_embeds"], [_image]);

    private int Prefill()
    {
        _past = 0;
        for (int i = 0; i < _prompt.TokenIds.Length; i++)
            Embed(i, _prompt.TokenIds[i], _prompt.GivenRows[i]);
        return Decode(0, _prompt.TokenIds.Length);
    }

    // Row of the pass: (embedding or picture) * scale + position.
    private void Embed(int row, int token, int given)
    {
        int width = _text.EmbedDim;
        float scale = _text.ScaleEmbedding ? MathF.Sqrt(width) : 1;
        float* source = given >= 0 ? (float*)_picture.HostPointer + ((long)given * width) : (float*)_embeddings.HostPointer + ((long)token * width);
        float* target = (float*)_hidden.HostPointer + ((long)row * width);
        int position = (2 + _past + row) * width;
        for (int i = 0; i < width; i++)
            target[i] = (source[i] * scale) + _positions[position + i];
    }

    // Pass 0 is the prompt's; each has one row more of keys and values than the one before.
    private int Decode(int pass, int rows)
    {
        int keys = _past + rows;
        float* mask = (float*)_mask.HostPointer;
        for (int row = 0; row < rows; row++)
        {
            for (int key = 0; key < keys; key++)
                mask[(row * keys) + key] = key <= _past + row ? 0 : Masked;
        }
        _decoder.Run(_run, _inputs, _passes[pass].Inputs, _outputs, _passes[pass].Outputs);
        _past = keys;
        return System.Numerics.Tensors.TensorPrimitives.IndexOfMax(_logits.AsSpan<float>());
    }

    private void BindPasses(int tokens)
    {
        for (int pass = _passes.Count; pass < tokens; pass++)
        {
            int rows = pass == 0 ? _prompt.TokenIds.Length : 1, keys = _prompt.TokenIds.Length + pass;
            _passes.Add(new Pass(
                [Bind(_hidden.HostPointer, rows, _text.EmbedDim), Bind(_mask.HostPointer, rows, keys), .. Cache(pass % 2, keys - rows)],
                [Bind(_logits.HostPointer, 1, _text.VocabSize), .. Cache((pass + 1) % 2, keys)]));
        }

        IEnumerable<OrtValue> Cache(int which, int length) =>
            Enumerable.Range(0, 2 * _text.Layers).Select(i => Part(_caches[which], i, length));
    }

    private OrtValue Part(Tensor cache, int index, int tokens) =>
        Bind((float*)cache.HostPointer + (index * (long)cache.Width), _text.AttentionHeads, tokens, _text.HeadDim);

    private static OrtValue Bind(void* memory, params long[] shape) => OrtValue.CreateTensorValueWithData(
        OrtMemoryInfo.DefaultInstance, TensorElementType.Float, shape, (nint)memory, sizeof(float) * shape.Aggregate(1L, (a, b) => a * b));

    // What a pass of the decoder is bound to.
    private sealed record Pass(OrtValue[] Inputs, OrtValue[] Outputs);
}
