using Kosmos2.Bench;
using Kosmos2.Libtorch;

try
{
    VersusLibtorch.Run(Console.Out, MatMulShape.All, turns: 12);
    return 0;
}
catch (Exception e) when (e is InvalidOperationException or DllNotFoundException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
