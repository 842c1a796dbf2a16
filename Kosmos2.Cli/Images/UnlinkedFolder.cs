using Microsoft.Extensions.FileSystemGlobbing.Abstractions;

namespace Kosmos2.Cli.Images;

/// <summary>A folder as <c>**</c> walks it: links to folders are passed over, since one that leads upwards would have no end.</summary>
internal sealed class UnlinkedFolder(DirectoryInfo folder) : DirectoryInfoWrapper(folder)
{
    /// <inheritdoc/>
    public override IEnumerable<FileSystemInfoBase> EnumerateFileSystemInfos()
    {
        foreach (FileSystemInfoBase entry in base.EnumerateFileSystemInfos())
        {
            if (entry is not DirectoryInfoBase)
                yield return entry;
            else if (new DirectoryInfo(entry.FullName) is { LinkTarget: null } inner)
                yield return new UnlinkedFolder(inner);
        }
    }
}
