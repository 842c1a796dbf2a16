using Microsoft.Win32.SafeHandles;

namespace Kosmos2.Tests.Weights;

/// <summary>A folder that is gone when the test ends.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder()
    {
        Path = Directory.CreateTempSubdirectory("kosmos2-tests-").FullName;
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public string Write(string name, string content)
    {
        System.IO.File.WriteAllText(File(name), content);
        return File(name);
    }

    /// <summary>Copies a folder's files.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from))
            System.IO.File.Copy(file, System.IO.Path.Combine(to, System.IO.Path.GetFileName(file)));
    }

    /// <summary>
    /// Writes over a file without truncating it first, which some file systems answer with a flush: thousands of them take minutes.
    /// </summary>
    public string Overwrite(string name, byte[] content)
    {
        using SafeFileHandle handle = System.IO.File.OpenHandle(File(name), FileMode.OpenOrCreate, FileAccess.Write);
        RandomAccess.SetLength(handle, content.Length);
        RandomAccess.Write(handle, content, 0);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
