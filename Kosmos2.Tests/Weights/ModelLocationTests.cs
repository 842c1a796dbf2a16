using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

internal sealed class ModelLocationTests
{
    private const string Name = "microsoft/kosmos-2-patch14-224";
    private const string Commit = "e91cfbcb4ce051b6a55bfb5f96165a3bbf5eb82c";

    [Test]
    public void AFolderIsItself() => Assert.That(ModelLocation.Resolve(TestData.ShapesModel), Is.EqualTo(TestData.ShapesModel));

    [TestCase("HF_HUB_CACHE", "")]
    [TestCase("HUGGINGFACE_HUB_CACHE", "")]
    [TestCase("HF_HOME", "hub")]
    [TestCase("XDG_CACHE_HOME", "huggingface/hub")]
    public void ANameIsSoughtInTheCacheThatTheEnvironmentNames(string variable, string below)
    {
        using var folder = new TemporaryFolder();
        string snapshot = MakeCache(folder.File(below));
        Assert.That(ModelLocation.Resolve(Name, v => v == variable ? folder.Path : null), Is.EqualTo(snapshot));
    }

    [TestCase("")]
    [TestCase("@main")]
    [TestCase("@v1.0")]
    [TestCase("@refs/pr/3")]
    [TestCase("@" + Commit)]
    public void RevisionsAreBranchesTagsAndCommits(string revision)
    {
        using var folder = new TemporaryFolder();
        string snapshot = MakeCache(folder.Path);
        Assert.That(Resolve(Name + revision, folder), Is.EqualTo(snapshot));
    }

    [TestCase("owner/name", "owner/name: no such folder, and no such model in Hugging Face's cache")]
    [TestCase("owner/name", "to fetch it: hf download owner/name")]
    [TestCase(Name + "@other", "revision other is not in")]
    [TestCase(Name + "@other", "which has '" + Commit + "'; to fetch it: hf download " + Name + " --revision other")]
    [TestCase("../etc", "../etc: no such folder")]
    [TestCase("a/b/c", "a/b/c: no such folder")]
    [TestCase("nothing", "nothing: no such folder")]
    [TestCase(Name + "@../../x", "no such folder")]
    [TestCase(Name + "@", "no such folder")]
    public void WhatIsNotThereIsSaid(string model, string problem)
    {
        using var folder = new TemporaryFolder();
        MakeCache(folder.Path);
        Assert.That(() => Resolve(model, folder), Throws.TypeOf<DirectoryNotFoundException>().With.Message.Contains(problem));
    }

    [Test]
    public void AFileIsNoModel()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("model.safetensors", "");
        Assert.That(() => ModelLocation.Resolve(path), Throws.TypeOf<DirectoryNotFoundException>().With.Message.Contains("is a file; a model is a folder"));
    }

    [TestCase("../../../../etc")]
    [TestCase("")]
    [TestCase("a b")]
    public void ADamagedReferenceIsRefused(string content)
    {
        using var folder = new TemporaryFolder();
        MakeCache(folder.Path);
        string path = folder.File("models--microsoft--kosmos-2-patch14-224/refs/main");
        File.WriteAllText(path, content);
        Assert.That(
            () => Resolve(Name, folder),
            Throws.TypeOf<Kosmos2FormatException>().With.Message.EqualTo($"{path}: holds {content.Length} bytes that are not the name of a commit"));
    }

    private static string Resolve(string model, TemporaryFolder cache) => ModelLocation.Resolve(model, v => v == "HF_HUB_CACHE" ? cache.Path : null);

    /// <summary>A cache with one snapshot that a branch, a tag and a pull request name.</summary>
    private static string MakeCache(string cache)
    {
        string repository = Path.Combine(cache, "models--microsoft--kosmos-2-patch14-224");
        string snapshot = Path.Combine(repository, "snapshots", Commit);
        Directory.CreateDirectory(snapshot);
        foreach (string reference in (string[])["main", "v1.0", "refs/pr/3"])
        {
            string path = Path.Combine(repository, "refs", reference);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, Commit);
        }

        return snapshot;
    }
}
