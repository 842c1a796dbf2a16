using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kosmos2.Engine.Processing;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Validation;

/// <summary>
/// image_processor.jsonl: pictures made by a rule (tools/reference/golden_image_processor.py), as bytes or as floats in either channel order, under settings of the image processor;
/// the result's hash and its first values, or the error.
/// </summary>
internal sealed class ImageProcessorReference : IReferenceKind
{
    private const int MaxPictureValues = 1 << 20;

    public bool Knows(string path) => Path.GetFileName(path) == "image_processor.jsonl";

    public IEnumerable<ParityResult> Compare(string path, ParityContext context)
    {
        var tally = new Tally(context.NameOf(path));
        foreach ((int line, Case one) in ReferenceLines.Read(path, Case.Parse))
        {
            var config = PreprocessorConfig.Parse(Encoding.UTF8.GetBytes(one.Settings), $"{path}: line {line}");
            tally.Add($"line {line}, {one.Name}", one.Compare(config));
        }
        return [tally.Result()];
    }

    private sealed record Case(string Name, string Kind, int[] Shape, uint Seed, ChannelOrder? Order, string Settings, string? Error, string Sha256, float[] First)
    {
        public static Case Parse(JsonElement json)
        {
            int[] shape = json.Field("shape").Ints();
            if (shape.Length != 3 || shape.Any(extent => extent is < 1 or > MaxPictureValues) || (long)shape[0] * shape[1] > MaxPictureValues / shape[2])
                throw new FormatException("shape is not that of a small picture");
            ChannelOrder? order = json.Field("input_data_format").GetString() switch
            {
                "channels_first" => ChannelOrder.First,
                "channels_last" => ChannelOrder.Last,
                null => null,
                var other => throw new FormatException($"input_data_format is {other}"),
            };
            string? error = json.TryGetProperty("error", out JsonElement kind) ? kind.GetString() : null;
            return new Case(
                json.Text("name"), json.Text("kind"), shape, json.Field("seed").GetUInt32(), order, json.Field("settings").GetRawText(), error,
                error is null ? json.Text("sha256") : "", error is null ? [.. json.Field("first").EnumerateArray().Select(value => value.GetSingle())] : []);
        }

        public string? Compare(PreprocessorConfig config)
        {
            float[] values;
            try
            {
                var processor = new Kosmos2ImageProcessor(config);
                FloatImage picture = new(Values(), Shape[0], Shape[1], Shape[2], Order);
                values = (Kind == "bytes" ? processor.Process(picture.ToRgb()) : processor.Process(picture)).Values;
            }
            catch (ArgumentException refusal)
            {
                return Error is not null ? null : $"it is refused ({refusal.Message}), the reference accepts it";
            }
            if (Error is not null)
                return $"it is accepted, the reference raises {Error}";
            string hash = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(values)));
            return hash == Sha256 ? null
                : Difference.Between<float>("pixel_values", values.AsSpan(0, Math.Min(values.Length, First.Length)), First) ?? "pixel_values differ behind their first values";
        }

        // Bits 16 to 31 of a linear congruential generator make a value.
        private float[] Values()
        {
            Func<uint, float> value = Kind switch
            {
                "bytes" or "whole" => bits => bits >> 8,
                "fractions" => bits => (float)(bits / 65535.0),
                "halves" => bits => (float)((bits >> 7) / 2.0),
                "binary" => bits => bits >> 15,
                "signed" => bits => (float)((bits / 32768.0) - 1),
                _ => throw new FormatException($"kind is {Kind}"),
            };
            float[] values = new float[Shape[0] * Shape[1] * Shape[2]];
            uint state = Seed;
            for (int i = 0; i < values.Length; i++)
            {
                state = ((1103515245 * state) + 12345) & 0x7FFFFFFF;
                values[i] = value(state >> 15);
            }
            return values;
        }
    }
}
