namespace Kosmos2.Cli.Tasks;

/// <summary>A model and what it runs on, as given.</summary>
/// <param name="Folder">Null for the shipped model.</param>
/// <param name="Device">As in <c>cuda:1</c>.</param>
/// <param name="Threads">Null for the default.</param>
internal sealed record ModelChoice(string? Folder, string Device, int? Threads);
