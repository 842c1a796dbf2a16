using System.Buffers;

namespace Kosmos2.Engine.Processing;

/// <summary>
/// SentencePiece's unigram model (T. Kudo, "Subword Regularization", 2018): of all ways to write a word as pieces the one with the largest sum
/// of log probabilities, found from left to right (Viterbi). A character that no piece covers costs 10 more than the least likely piece, and
/// neighbours of its kind become one unknown token.
/// </summary>
internal sealed class UnigramModel
{
    private const double UnknownPenalty = 10;

    private readonly PieceTrie _trie;
    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly int _unknown;

    public UnigramModel(TokenizerModel model)
    {
        _trie = PieceTrie.Build(Array.ConvertAll(model.Pieces, Utf8Buffer.Encode));
        _scores = model.Scores;
        _unknownScore = model.Scores.Min() - UnknownPenalty;
        _unknown = model.UnknownId;
    }

    /// <summary>Appends the ids of one word.</summary>
    /// <param name="word">UTF-8 as <see cref="Utf8Buffer"/> writes it, beginning with its space's byte.</param>
    /// <param name="lattice">Scratch, reused from word to word.</param>
    /// <param name="ids">Where the ids go.</param>
    public void Encode(ReadOnlySpan<byte> word, Lattice lattice, IdBuffer ids)
    {
        Span<Node> nodes = lattice.Clear(word.Length + 1);
        for (int start = 0, length; start < word.Length; start += length)
        {
            length = Math.Min(Utf8Buffer.LengthOf(word[start]), word.Length - start);
            double before = nodes[start].Score;
            bool covered = false;
            int node = PieceTrie.Root;
            for (int end = start; end < word.Length;)
            {
                node = _trie.Next(node, word[end++]);
                if (node < 0)
                    break;
                int piece = _trie.PieceAt(node);
                if (piece < 0)
                    continue;
                nodes[end].Offer(before + _scores[piece], start, piece);
                covered |= end - start == length;
            }
            if (!covered)
                nodes[start + length].Offer(before + _unknownScore, start, _unknown);
        }

        int first = ids.Count;
        bool afterUnknown = false;
        for (int end = word.Length; end > 0; end = nodes[end].Start)
        {
            int piece = nodes[end].Piece;
            if (piece != _unknown || !afterUnknown)
                ids.Add(piece);
            afterUnknown = piece == _unknown;
        }
        ids.Reverse(first);
    }

    /// <summary>The best way to write the word up to some byte.</summary>
    internal struct Node
    {
        public double Score;
        public int Start;
        public int Piece;

        public void Offer(double score, int start, int piece)
        {
            if (score > Score)
                (Score, Start, Piece) = (score, start, piece);
        }
    }

    /// <summary>The nodes of one word, in a pooled array.</summary>
    internal sealed class Lattice : IDisposable
    {
        private Node[] _nodes = ArrayPool<Node>.Shared.Rent(64);

        public Span<Node> Clear(int count)
        {
            if (count > _nodes.Length)
            {
                ArrayPool<Node>.Shared.Return(_nodes);
                _nodes = ArrayPool<Node>.Shared.Rent(count);
            }
            Span<Node> nodes = _nodes.AsSpan(0, count);
            nodes.Fill(new Node { Score = double.NegativeInfinity });
            nodes[0].Score = 0;
            return nodes;
        }

        public void Dispose()
        {
            ArrayPool<Node>.Shared.Return(_nodes);
            _nodes = [];
        }
    }
}
