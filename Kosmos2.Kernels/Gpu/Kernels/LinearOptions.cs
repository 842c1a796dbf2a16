namespace Kosmos2.Kernels.Gpu.Kernels;

/// <summary>Sizes and options of linear layers over the same rows, and of few rows' how many outputs a group has.</summary>
internal readonly record struct LinearOptions(int Rows, int Inputs, int Activation, int HasResidual, int HasNorm = 0, int GroupOutputs = 0);
