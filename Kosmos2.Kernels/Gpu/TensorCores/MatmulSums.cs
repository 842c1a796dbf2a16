using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// A warp's sums, in registers: for each 16 x 8 of them, lane l has columns 2 (l mod 4) and the next of rows l / 4 and l / 4 + 8, as <c>mma</c> defines it.
/// </summary>
internal class MatmulSums
{
    private readonly PtxText _text;
    private readonly MatmulTile _tile;
    private readonly string _type;
    private readonly string[,][] _registers;
    private string? _firstOutput;
    private string? _hasBias;

    public MatmulSums(PtxText text, MatmulTile tile, string type)
    {
        (_text, _tile, _type) = (text, tile, type);
        _registers = Pieces(text, tile, "f");
    }

    /// <summary>Four registers of a kind for each piece.</summary>
    protected static string[,][] Pieces(PtxText text, MatmulTile tile, string kind)
    {
        var pieces = new string[tile.WarpRows / 16, tile.WarpOutputs / 8][];
        for (int i = 0; i < pieces.GetLength(0); i++)
        {
            for (int j = 0; j < pieces.GetLength(1); j++)
                pieces[i, j] = text.Registers(kind, 4);
        }
        return pieces;
    }

    /// <summary>Pieces of 16 rows.</summary>
    public int Down => _registers.GetLength(0);

    /// <summary>Pieces of 8 outputs.</summary>
    public int Across => _registers.GetLength(1);

    /// <summary>The four registers of a piece.</summary>
    public string[] this[int i, int j] => _registers[i, j];

    /// <summary>Every piece, row by row.</summary>
    public IEnumerable<string[]> All => _registers.Cast<string[]>();

    /// <summary>Every sum begins with its bias, or with zero where there is none; of blocks that split the inputs, the first one's does.</summary>
    /// <param name="at">The kernel's parameters.</param>
    /// <param name="output">The warp's first output.</param>
    /// <param name="lane">Of this thread.</param>
    public virtual void Begin(ProductParameters at, string output, string lane)
    {
        for (int j = 0; j < Across; j++)
        {
            for (int c = 0; c < 2; c++)
            {
                string bias = BiasOf(at, output, lane, j, c);
                for (int i = 0; i < Down; i++)
                {
                    _text.Do("mov.f32", _registers[i, j][c], bias);
                    _text.Do("mov.f32", _registers[i, j][c + 2], bias);
                }
            }
        }
    }

    /// <summary>Before a tile's first product.</summary>
    public virtual void BeginTile()
    {
    }

    /// <summary>Adds a piece's products over the inputs of a step, 16 of 16 bits.</summary>
    /// <param name="step">Number of the step in its tile.</param>
    /// <param name="i">Which rows.</param>
    /// <param name="j">Which outputs.</param>
    /// <param name="a">Of x.</param>
    /// <param name="b">Of W.</param>
    public virtual void Add(int step, int i, int j, string[] a, string[] b) => WarpMatrices.Multiply(_text, _type, _registers[i, j], a, b);

    /// <summary>Behind a tile's last product.</summary>
    public virtual void EndTile()
    {
    }

    /// <summary>Behind the last tile.</summary>
    /// <param name="at">The kernel's parameters.</param>
    /// <param name="output">The warp's first output.</param>
    /// <param name="lane">Of this thread.</param>
    public virtual void End(ProductParameters at, string output, string lane)
    {
    }

    /// <summary>A column's bias; zero where there is none, or another block's sums have it.</summary>
    protected string BiasOf(ProductParameters at, string output, string lane, int j, int c)
    {
        _hasBias ??= HasBias(at.Bias);
        return OfColumn(at.Bias, at, output, lane, j, c, _hasBias);
    }

    /// <summary>What a column of this lane has of its own; zero past the last output, or where that is not to be read.</summary>
    /// <param name="values">[outputs].</param>
    /// <param name="at">The kernel's parameters.</param>
    /// <param name="output">The warp's first output.</param>
    /// <param name="lane">Of this thread.</param>
    /// <param name="j">Which 8 outputs.</param>
    /// <param name="c">Which of the lane's two.</param>
    /// <param name="where">A predicate, or null for always.</param>
    protected string OfColumn(string values, ProductParameters at, string output, string lane, int j, int c, string? where = null)
    {
        _firstOutput ??= _text.B32("mad.lo.u32", _text.B32("and.b32", lane, 3), 2, output);
        string column = _text.B32("add.s32", _firstOutput, (8 * j) + c);
        string within = _text.Predicate("setp.lt.s32", column, at.Outputs);
        if (where is not null)
            within = _text.Predicate("and.pred", within, where);
        string value = _text.F32("mov.f32", Constant(0));
        _text.When(within, "ld.global.nc.f32", value, At(_text.B64("mad.wide.u32", column, sizeof(float), values)));
        return value;
    }

    private string HasBias(string bias)
    {
        string given = _text.Predicate("setp.ne.u64", bias, 0);
        return _tile.Splits == 1 ? given : _text.Predicate("and.pred", given, _text.Predicate("setp.eq.s32", _text.B32("mov.u32", "%ctaid.y"), 0));
    }
}
