using Kosmos2.Bench;
using Kosmos2.Libtorch;

try
{
    VersusLibtorch.Run(Console.Out, MatMulShape.All, turns: 12);
    return 0;
}
catch (TypeInitializationException)
{
    Console.Error.WriteLine("libtorch could not be loaded; tools/libtorch/run.sh fetches it and runs this program where it can be");
    return 2;
}
catch (InvalidOperationException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
