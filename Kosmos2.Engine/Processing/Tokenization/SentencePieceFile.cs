using System.Text;
using System.Text.Unicode;
using Google.Protobuf;
using Kosmos2.Weights;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// Reads sentencepiece.bpe.model: SentencePiece's ModelProto in protocol buffers. Of its messages these fields matter here:
/// <code>
/// ModelProto      1 pieces (repeated SentencePiece)   2 trainer_spec   3 normalizer_spec
/// SentencePiece   1 piece (string)                    2 score (float)  3 type (1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte)
/// TrainerSpec     3 model_type (1 unigram, 2 bpe, 3 word, 4 char)
/// NormalizerSpec  2 precompiled_charsmap (bytes)
/// </code>
/// XLM-RoBERTa's ids differ from the file's: &lt;s&gt;, &lt;pad&gt;, &lt;/s&gt; and &lt;unk&gt; come first, then the file's pieces from the fourth on, then &lt;mask&gt;.
/// </summary>
internal static class SentencePieceFile
{
    private const int MaxFileLength = 64 << 20;
    // More than any vocabulary has. Empty ones take two bytes of the file, and a hundred in memory.
    private const int MaxPieces = 1 << 20;
    private const int NormalPiece = 1;
    private const int UnigramModel = 1;

    /// <exception cref="Kosmos2FormatException">The file is damaged, or not a unigram model in XLM-RoBERTa's order.</exception>
    public static TokenizerModel Read(string path)
    {
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new FileNotFoundException($"{path}: no such file", path);
        if (info.Length == 0)
            throw new Kosmos2FormatException(path, "is empty");
        if (info.Length > MaxFileLength)
            throw new Kosmos2FormatException(path, $"the file has {info.Length} bytes; at most {MaxFileLength} are read");
        return Parse(path, File.ReadAllBytes(path));
    }

    public static TokenizerModel Parse(string path, byte[] bytes)
    {
        try
        {
            return new Reader(path).Model(new CodedInputStream(bytes));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new Kosmos2FormatException(path, $"is not a SentencePiece model: {e.Message}", e);
        }
    }

    private sealed class Reader(string path)
    {
        private readonly List<string> _pieces = [];
        private readonly List<double> _scores = [];
        private byte[] _charsmap = [];

        public TokenizerModel Model(CodedInputStream input)
        {
            for (uint tag; (tag = input.ReadTag()) != 0;)
            {
                switch (WireFormat.GetTagFieldNumber(tag))
                {
                    case 1:
                        AddPiece(Message(input, tag));
                        break;
                    case 2:
                        CheckTrainer(Message(input, tag));
                        break;
                    case 3:
                        ReadNormalizer(Message(input, tag));
                        break;
                    default:
                        input.SkipLastField();
                        break;
                }
            }

            // The first three are XLM-RoBERTa's <unk>, <s> and </s>, which get other ids.
            if (_pieces.Count < 3 || _pieces[0] != TokenizerModel.Unknown || _pieces[1] != TokenizerModel.Bos || _pieces[2] != TokenizerModel.Eos)
                throw Error($"begins with the pieces {string.Join(", ", _pieces.Take(3).Select(Kosmos2FormatException.Quote))}; expected '<unk>', '<s>', '</s>'");
            string[] pieces = [TokenizerModel.Bos, TokenizerModel.Pad, TokenizerModel.Eos, TokenizerModel.Unknown, .. _pieces.Skip(3), TokenizerModel.Mask];
            double[] scores = [0, 0, 0, 0, .. _scores.Skip(3), 0];
            AddedToken[] added = [.. TokenizerModel.SpecialTokens(pieces.Length)];
            return new TokenizerModel(path, pieces, scores, UnknownId: 3, _charsmap, added, Spacing.Converted);
        }

        private void AddPiece(CodedInputStream input)
        {
            string piece = "";
            float score = 0;
            int type = NormalPiece;
            for (uint tag; (tag = input.ReadTag()) != 0;)
            {
                switch (tag)
                {
                    case (1 << 3) | (uint)WireFormat.WireType.LengthDelimited:
                        piece = Text(input.ReadBytes());
                        break;
                    case (2 << 3) | (uint)WireFormat.WireType.Fixed32:
                        score = input.ReadFloat();
                        break;
                    case (3 << 3) | (uint)WireFormat.WireType.Varint:
                        type = input.ReadInt32();
                        break;
                    default:
                        input.SkipLastField();
                        break;
                }
            }
            // XLM-RoBERTa's three special pieces lead; its other pieces are plain.
            if (_pieces.Count >= 3 && type != NormalPiece)
                throw Error($"piece {_pieces.Count}, {Kosmos2FormatException.Quote(piece)}, has type {type}; only normal pieces are supported");
            if (!float.IsFinite(score))
                throw Error($"piece {_pieces.Count}, {Kosmos2FormatException.Quote(piece)}, has the score {score}");
            if (_pieces.Count == MaxPieces)
                throw Error($"has more than {MaxPieces} pieces");
            _pieces.Add(piece);
            _scores.Add(score);
        }

        private void CheckTrainer(CodedInputStream input)
        {
            for (uint tag; (tag = input.ReadTag()) != 0;)
            {
                if (tag != ((3 << 3) | (uint)WireFormat.WireType.Varint))
                    input.SkipLastField();
                else if (input.ReadInt32() is var kind && kind != UnigramModel)
                    throw Error($"has the model type {kind}; only unigram models (1) are supported");
            }
        }

        private void ReadNormalizer(CodedInputStream input)
        {
            for (uint tag; (tag = input.ReadTag()) != 0;)
            {
                if (tag == ((2 << 3) | (uint)WireFormat.WireType.LengthDelimited))
                    _charsmap = input.ReadBytes().ToByteArray();
                else
                    input.SkipLastField();
            }
        }

        private CodedInputStream Message(CodedInputStream input, uint tag) =>
            WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited
                ? input.ReadBytes().CreateCodedInput()
                : throw Error($"is not a SentencePiece model: field {WireFormat.GetTagFieldNumber(tag)} is not a message");

        private string Text(ByteString bytes) =>
            Utf8.IsValid(bytes.Span) ? Encoding.UTF8.GetString(bytes.Span) : throw Error($"piece {_pieces.Count} is not UTF-8");

        private Kosmos2FormatException Error(string problem) => new(path, problem);
    }
}
