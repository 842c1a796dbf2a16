using Kosmos2.Kernels;

namespace Kosmos2.Weights;

/// <summary>
/// Brings a matrix of floats to small integers, row by row. Symmetric schemes only.
/// </summary>
/// <param name="matrix">F32, F16 or BF16 [out, in] in host memory.</param>
/// <param name="scheme">Bits and groups.</param>
/// <param name="inputs">What the layer is given, or null when all inputs count the same.</param>
/// <param name="search">Whether scales minimise the error; otherwise they hold the largest weight.</param>
/// <param name="given">How the inputs are folded, or null.</param>
/// <param name="made">How the outputs are folded, or null.</param>
internal sealed class WeightQuantizer(
    Tensor matrix, QuantizationScheme scheme, InputStatistics? inputs = null, bool search = true, Lazy<InputFold>? given = null, Lazy<InputFold>? made = null)
{
    private readonly int _width = matrix.Shape.Width;
    private readonly int _groupSize = scheme.GroupSizeOf(matrix.Shape.Width);
    private readonly float[]? _lost = inputs is null && given is null ? null : NotYet(matrix.Shape.Rows);

    /// <summary>Groups of a row.</summary>
    public int Groups => (_width + _groupSize - 1) / _groupSize;

    /// <summary>Columns of the stored integers: bytes, or words of eight 4-bit elements.</summary>
    public int StoredWidth => scheme.Bits == 8 ? _width : (_width + 7) / 8;

    /// <summary>Whether the layer's bias has something to make up for.</summary>
    public bool ChangesBias => _lost is not null;

    /// <summary>Type of the stored integers.</summary>
    public DType StoredType => scheme.Bits == 8 ? DType.I8 : DType.I32;

    /// <summary>The whole matrix in memory of its own.</summary>
    /// <exception cref="ArgumentException">A weight is not finite.</exception>
    public QuantizedMatrix Run()
    {
        int rows = matrix.Shape.Rows;
        Tensor values = Tensor.OnHost(StoredType, rows, StoredWidth);
        Tensor scales = Tensor.OnHost(DType.F32, rows, Groups);
        if (scheme.Bits == 8)
            Rows(0, rows, values.AsSpan<sbyte>(), scales.AsSpan<float>());
        else
            Rows(0, rows, values.AsSpan<int>(), scales.AsSpan<float>());
        return new QuantizedMatrix(matrix.Shape, scheme.Bits, _groupSize, values, scales);
    }

    /// <summary>The whole matrix, made when its numbers are first read; what it is made from is not read before, and may be read again.</summary>
    /// <param name="failure">Makes the exception for a weight that cannot be quantized, out of what is wrong with it.</param>
    public QuantizedMatrix RunLater(Func<string, Exception> failure)
    {
        int rows = matrix.Shape.Rows;
        DeferredStorage? integers = null, factors = null;
        var work = new DeferredWork(Make);
        integers = new DeferredStorage((long)rows * StoredWidth * StoredType.SizeInBytes(), work);
        factors = new DeferredStorage((long)rows * Groups * sizeof(float), work);
        return new QuantizedMatrix(
            matrix.Shape, scheme.Bits, _groupSize, new Tensor(integers, StoredType, new Shape(rows, StoredWidth), ownsStorage: true),
            new Tensor(factors, DType.F32, new Shape(rows, Groups), ownsStorage: true));

        unsafe void Make()
        {
            var scales = new Span<float>(factors!.Memory, rows * Groups);
            try
            {
                if (scheme.Bits == 8)
                    Rows(0, rows, new Span<sbyte>(integers!.Memory, rows * StoredWidth), scales);
                else
                    Rows(0, rows, new Span<int>(integers!.Memory, rows * StoredWidth), scales);
            }
            catch (AggregateException e) when (e.InnerException is ArgumentException)
            {
                throw failure(e.InnerException.Message);
            }

            matrix.Storage.Discard(matrix.ByteOffset, matrix.ByteLength);
        }
    }

    /// <summary>
    /// What the outputs lose in the mean [out]: what rounding takes from the weights, or all of them where the mean is folded, times the inputs' means. The bias can
    /// make up for it. Null where nothing is known of the inputs.
    /// </summary>
    public float[]? LostInMean()
    {
        // Where the bias lies in a shard before the weight's, the work is done twice.
        if (_lost is not null && _lost.AsSpan().Contains(float.NaN))
            Run().Dispose();
        return _lost;
    }

    /// <summary>Rows [first, first + count), on all cores.</summary>
    /// <typeparam name="T">sbyte for 8 bits, int for 4.</typeparam>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="values">[count, <see cref="StoredWidth"/>].</param>
    /// <param name="scales">[count, <see cref="Groups"/>].</param>
    public unsafe void Rows<T>(int first, int count, Span<T> values, Span<float> scales)
        where T : unmanaged
    {
        if (values.Length != (long)count * StoredWidth || scales.Length != (long)count * Groups || sizeof(T) != StoredType.SizeInBytes())
            throw new ArgumentException($"{values.Length} {typeof(T).Name} and {scales.Length} scales do not hold {count} rows of {scheme}");
        ErrorDescent? descent = inputs is null ? null : new ErrorDescent(given?.Value.Apply(inputs) ?? inputs, scheme.Bits, _groupSize);
        fixed (T* pinned = values)
        fixed (float* pinnedScales = scales)
        {
            // Lambdas do not take pointers of the fixed statement, nor spans.
            (nint valueAddress, nint scaleAddress) = ((nint)pinned, (nint)pinnedScales);
            Parallel.For(0, count, () => new Room(_width), (row, _, room) =>
            {
                var stored = new Span<T>((T*)valueAddress + ((long)row * StoredWidth), StoredWidth);
                Row(first + row, descent, room, new Span<float>((float*)scaleAddress + ((long)row * Groups), Groups));
                if (scheme.Bits == 8)
                    room.Integers.CopyTo(System.Runtime.InteropServices.MemoryMarshal.Cast<T, sbyte>(stored));
                else
                    Pack(room.Integers, System.Runtime.InteropServices.MemoryMarshal.Cast<T, int>(stored));
                return room;
            }, _ => { });
        }
    }

    private void Row(int row, ErrorDescent? descent, Room room, Span<float> scales)
    {
        float[] weights = room.Weights;
        Floats.Widen(matrix, (long)row * _width, weights);
        if (weights.AsSpan().ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
            throw new ArgumentException($"row {row} holds a number that is not finite");
        float lost = 0;
        if (given is not null)
        {
            lost = Dot(weights, given.Value.Mean);
            for (int i = 0; i < weights.Length; i++)
                weights[i] *= given.Value.Factors[i];
        }
        for (int g = 0; g < scales.Length; g++)
        {
            int start = g * _groupSize, length = Math.Min(_groupSize, _width - start);
            ReadOnlySpan<float> group = weights.AsSpan(start, length);
            scales[g] = search ? ScaleSearch.Find(group, scheme.Bits) : ScaleSearch.AbsMax(group, scheme.Bits);
            ScaleSearch.Round(group, scales[g], scheme.Bits, room.Integers.AsSpan(start, length));
        }

        descent?.Improve(weights, room.Integers, scales, room.Slopes);
        if (_lost is not null)
            _lost[row] = given is not null ? lost : Lost(room, scales);
        if (made is not null)
        {
            for (int g = 0; g < scales.Length; g++)
                scales[g] = ScaleSearch.Storable(scales[g] / made.Value.Factors[row], scheme.Bits);
        }
    }

    private float Lost(Room room, ReadOnlySpan<float> scales)
    {
        for (int i = 0; i < _width; i++)
            room.Weights[i] -= room.Integers[i] * scales[i / _groupSize];
        return Dot(room.Weights, inputs!.Mean);
    }

    private static float Dot(float[] weights, IReadOnlyList<float> mean)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += (double)weights[i] * mean[i];
        return (float)sum;
    }

    private static float[] NotYet(int rows)
    {
        var values = new float[rows];
        values.AsSpan().Fill(float.NaN);
        return values;
    }

    private static void Pack(ReadOnlySpan<sbyte> integers, Span<int> words)
    {
        words.Clear();
        for (int i = 0; i < integers.Length; i++)
            words[i / 8] |= (integers[i] + 8) << (i % 8 * 4);
    }

    /// <summary>A thread's memory for a row.</summary>
    private sealed class Room(int width)
    {
        public float[] Weights { get; } = new float[width];

        public sbyte[] Integers { get; } = new sbyte[width];

        public float[] Slopes { get; } = new float[width];
    }
}
