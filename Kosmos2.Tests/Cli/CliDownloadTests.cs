using System.Net;
using System.Net.Sockets;

namespace Kosmos2.Tests.Cli;

/// <summary>Pictures from addresses, and servers that mean no good.</summary>
internal sealed class CliDownloadTests : CliTestBase
{
    private LoopbackServer _server = null!;

    [SetUp]
    public void StartServer() => _server = new LoopbackServer(File.ReadAllBytes(Scene(1)));

    [TearDown]
    public void StopServer() => _server.Dispose();

    [TestCase("/scene.png")]
    [TestCase("/moved")]
    [TestCase("/wrong-type")]
    public async Task A_picture_comes_from_an_address(string path)
    {
        CliResult result = await CliProcess.RunAsync("caption", _server.Address(path), "--json");
        Assert.That(result.ExitCode, Is.Zero, result.ToString());
        Assert.That(result.Out, Does.Contain("a white circle").And.Contain(_server.Address(path)));
    }

    [TestCase("/none.png", "404 Not Found")]
    [TestCase("/loop", "more than 5 redirects")]
    [TestCase("/to-file", "redirects to file")]
    [TestCase("/text.png", "is not a picture")]
    [TestCase("/claims-huge", "larger than 67,108,864 bytes")]
    [TestCase("/endless", "larger than 67,108,864 bytes")]
    [TestCase("/cut", "/cut: ")]
    public async Task A_bad_answer_is_named(string path, string reason) =>
        Refused(await CliProcess.RunAsync("caption", _server.Address(path)), _server.Address(path), reason);

    [Test]
    public async Task A_redirect_to_no_address_does_not_stop_the_other_pictures()
    {
        CliResult result = await CliProcess.RunAsync("caption", _server.Address("/to-nowhere"), _server.Address("/scene.png"));
        Assert.That(result.ExitCode, Is.EqualTo(2), result.ToString());
        Assert.That(result.Error, Is.EqualTo($"kosmos2: error: {_server.Address("/to-nowhere")}: the server redirects to //:80, which is not a valid address\n"));
        Assert.That(result.Out, Does.Contain("a white circle"));
    }

    [Test]
    public async Task A_slow_server_is_given_up() =>
        Refused(await CliProcess.RunAsync("caption", _server.Address("/slow"), "--url-timeout", "0.7"), "took longer than 0.7 seconds");

    [Test]
    public async Task A_port_that_nobody_listens_at_is_named()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/scene.png";
        listener.Dispose();
        Refused(await CliProcess.RunAsync("caption", address), address);
    }

    [Test]
    public async Task An_address_without_a_host_is_refused() => Refused(await CliProcess.RunAsync("caption", "http://"), "http://: is not a valid address");
}
