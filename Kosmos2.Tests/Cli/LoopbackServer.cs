using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Kosmos2.Tests.Cli;

/// <summary>A server on this machine that answers well, badly, slowly and without end.</summary>
internal sealed class LoopbackServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly byte[] _picture;

    public LoopbackServer(byte[] picture)
    {
        _picture = picture;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Address(string path) => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}{path}";

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        CancellationToken stop = _stop.Token;
        try
        {
            using (client)
            {
                NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string path = (await reader.ReadLineAsync(stop))!.Split(' ')[1];
                while (await reader.ReadLineAsync(stop) is { Length: > 0 })
                {
                }
                await AnswerAsync(stream, path, stop);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
        }
    }

    private async Task AnswerAsync(NetworkStream stream, string path, CancellationToken stop)
    {
        switch (path)
        {
            case "/scene.png":
            case "/wrong-type":
                await HeadAsync(stream, $"200 OK\r\nContent-Type: {(path == "/scene.png" ? "image/png" : "text/plain")}\r\nContent-Length: {_picture.Length}", stop);
                await stream.WriteAsync(_picture, stop);
                break;
            case "/moved":
                await HeadAsync(stream, "302 Found\r\nLocation: /scene.png\r\nContent-Length: 0", stop);
                break;
            case "/loop":
                await HeadAsync(stream, "302 Found\r\nLocation: /loop\r\nContent-Length: 0", stop);
                break;
            case "/to-file":
                await HeadAsync(stream, "302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0", stop);
                break;
            case "/to-nowhere":
                await HeadAsync(stream, "302 Found\r\nLocation: //:80\r\nContent-Length: 0", stop);
                break;
            case "/text.png":
                await HeadAsync(stream, "200 OK\r\nContent-Type: image/png\r\nContent-Length: 5\r\n\r\nhello", stop);
                break;
            case "/cut":
                await HeadAsync(stream, $"200 OK\r\nContent-Length: {_picture.Length}", stop);
                await stream.WriteAsync(_picture.AsMemory(0, _picture.Length / 2), stop);
                break;
            case "/claims-huge":
                await HeadAsync(stream, "200 OK\r\nContent-Length: 100000000000", stop);
                break;
            case "/endless":
                await HeadAsync(stream, "200 OK", stop);
                for (byte[] block = new byte[1 << 20]; ;)
                    await stream.WriteAsync(block, stop);
            case "/slow":
                await HeadAsync(stream, "200 OK\r\nContent-Length: 1000", stop);
                for (int i = 0; i < 1000; i++)
                {
                    await stream.WriteAsync("x"u8.ToArray(), stop);
                    await Task.Delay(200, stop);
                }
                break;
            default:
                await HeadAsync(stream, "404 Not Found\r\nContent-Length: 0", stop);
                break;
        }
    }

    private static async Task HeadAsync(NetworkStream stream, string head, CancellationToken stop) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {head}{(head.Contains("\r\n\r\n", StringComparison.Ordinal) ? "" : "\r\n\r\n")}"), stop);
}
