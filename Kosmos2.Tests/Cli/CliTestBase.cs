namespace Kosmos2.Tests.Cli;

/// <summary>A folder of its own for each test, and the assertion that all refusals share.</summary>
internal abstract class CliTestBase
{
    private string _folder = "";

    /// <summary>An empty folder that is removed after the test.</summary>
    protected string Folder => _folder;

    protected static string Scene(int number) => Path.Combine(TestData.Root, "samples", "pictures", $"scene-{number}.png");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("kosmos2-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    /// <summary>A path in the test's folder.</summary>
    protected string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    /// <summary>Exit code 2, nothing on stdout, one line on stderr that begins as all do and says why.</summary>
    protected static void Refused(CliResult result, params string[] reasons)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
            Assert.That(result.Out, Is.Empty);
            Assert.That(result.Error, Does.StartWith("kosmos2: error: ").And.EndsWith("\n"));
            Assert.That(result.Error.TrimEnd('\n'), Does.Not.Contain('\n'), "one line");
            foreach (string reason in reasons)
                Assert.That(result.Error, Does.Contain(reason));
        }
    }
}
