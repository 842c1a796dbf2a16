using static Kosmos2.Kernels.Gpu.TensorCores.PtxText;

namespace Kosmos2.Kernels.Gpu.TensorCores;

/// <summary>
/// A warp's sums, in registers: for each 16 x 8 of them, lane l has columns 2 (l mod 4) and the next of rows l / 4 and l / 4 + 8, as <c>mma</c> defines it.
/// </summary>
internal sealed class MatmulSums
{
    private readonly PtxText _text;
    private readonly MatmulTile _tile;
    private readonly string _type;
    private readonly string[,][] _registers;

    public MatmulSums(PtxText text, MatmulTile tile, string type)
    {
        (_text, _tile, _type) = (text, tile, type);
        _registers = new string[tile.WarpRows / 16, tile.WarpOutputs / 8][];
        for (int i = 0; i < Down; i++)
        {
            for (int j = 0; j < Across; j++)
                _registers[i, j] = text.Registers("f", 4);
        }
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
    /// <param name="bias">[outputs], or a null pointer.</param>
    /// <param name="output">The warp's first output.</param>
    /// <param name="outputs">How many there are.</param>
    /// <param name="lane">Of this thread.</param>
    public void Begin(string bias, string output, string outputs, string lane)
    {
        string given = _text.Predicate("setp.ne.u64", bias, 0);
        if (_tile.Splits > 1)
            given = _text.Predicate("and.pred", given, _text.Predicate("setp.eq.s32", _text.B32("mov.u32", "%ctaid.y"), 0));
        string first = _text.B32("mad.lo.u32", _text.B32("and.b32", lane, 3), 2, output);
        string address = _text.B64("mad.wide.u32", first, sizeof(float), bias);
        for (int j = 0; j < Across; j++)
        {
            for (int c = 0; c < 2; c++)
            {
                int column = (8 * j) + c;
                string within = _text.Predicate("setp.lt.s32", _text.B32("add.s32", first, column), outputs);
                within = _text.Predicate("and.pred", within, given);
                _text.Do("mov.f32", _registers[0, j][c], Constant(0));
                _text.When(within, "ld.global.nc.f32", _registers[0, j][c], At(address, column * sizeof(float)));
                for (int i = 0; i < Down; i++)
                {
                    if (i > 0)
                        _text.Do("mov.f32", _registers[i, j][c], _registers[0, j][c]);
                    _text.Do("mov.f32", _registers[i, j][c + 2], _registers[0, j][c]);
                }
            }
        }
    }

    /// <summary>Adds a piece's products over 16 inputs.</summary>
    public void Add(int i, int j, string[] a, string[] b) => WarpMatrices.Multiply(_text, _type, _registers[i, j], a, b);
}
