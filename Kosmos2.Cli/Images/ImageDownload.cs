using System.Net;
using Kosmos2.Engine;
using Kosmos2.Imaging;

namespace Kosmos2.Cli.Images;

/// <summary>
/// Pictures from http(s) addresses, within limits: bytes, time for the whole transfer, redirects. What comes back is judged by decoding it, not by
/// what the server calls it.
/// </summary>
internal sealed class ImageDownload(TimeSpan timeLimit) : IDisposable
{
    /// <summary>The most bytes that are taken from a server.</summary>
    public const long MaxBytes = 64 << 20;

    private const int MaxRedirects = 5;
    private readonly HttpClient _client = Client();

    /// <summary>Whether an argument is an address rather than a file.</summary>
    public static bool IsAddress(string argument) =>
        argument.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || argument.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>The picture at an address.</summary>
    public ImageInput Input(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri))
            return ImageInput.Missing(address, "is not a valid address");
        string stem = Path.GetFileNameWithoutExtension(Uri.UnescapeDataString(uri.AbsolutePath));
        return new ImageInput(address, stem.Length > 0 ? stem : uri.Host, (options, cancellation) => LoadAsync(uri, options, cancellation));
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private static HttpClient Client()
    {
        // Redirects are followed here, one by one, to keep to http(s) and never from https down to http.
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10), UseCookies = false };
        var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("kosmos2/0.1");
        return client;
    }

    private async Task<RgbImage> LoadAsync(Uri uri, PictureOptions options, CancellationToken cancellation)
    {
        using var timed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timed.CancelAfter(timeLimit);
        try
        {
            byte[] bytes = await FetchAsync(uri, timed.Token).ConfigureAwait(false);
            return Picture.Load(bytes, options, uri.OriginalString);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new UsageException($"{uri.OriginalString}: took longer than {timeLimit.TotalSeconds:0.#} seconds", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException and not PictureException)
        {
            throw new UsageException($"{uri.OriginalString}: {e.InnerException?.Message ?? e.Message}", e);
        }
    }

    private async Task<byte[]> FetchAsync(Uri first, CancellationToken cancellation)
    {
        Uri uri = first;
        for (int hop = 0; hop <= MaxRedirects; hop++)
        {
            using HttpResponseMessage response =
                await _client.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
            if ((int)response.StatusCode is 301 or 302 or 303 or 307 or 308)
            {
                uri = Target(first, uri, response);
                continue;
            }
            if (response.StatusCode != HttpStatusCode.OK)
                throw new UsageException($"{first.OriginalString}: the server answered {(int)response.StatusCode} {response.ReasonPhrase}".TrimEnd());
            return await ReadAsync(first, response, cancellation).ConfigureAwait(false);
        }
        throw new UsageException($"{first.OriginalString}: more than {MaxRedirects} redirects");
    }

    private static Uri Target(Uri first, Uri from, HttpResponseMessage response)
    {
        Uri location = response.Headers.Location ?? throw new UsageException($"{first.OriginalString}: the server redirects without saying where to");
        if (!Uri.TryCreate(from, location, out Uri? target))
            throw new UsageException($"{first.OriginalString}: the server redirects to {location.OriginalString}, which is not a valid address");
        if (target.Scheme != Uri.UriSchemeHttps && !(target.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp))
            throw new UsageException($"{first.OriginalString}: the server redirects to {target.Scheme}, which is not followed");
        return target;
    }

    private static async Task<byte[]> ReadAsync(Uri first, HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentLength > MaxBytes)
            throw TooLarge(first);
        using Stream stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        using var memory = new MemoryStream();
        byte[] block = new byte[81920];
        for (int read; (read = await stream.ReadAsync(block, cancellation).ConfigureAwait(false)) > 0; memory.Write(block, 0, read))
        {
            if (memory.Length + read > MaxBytes)
                throw TooLarge(first);
        }
        return memory.ToArray();
    }

    private static UsageException TooLarge(Uri uri) => new($"{uri.OriginalString}: larger than {MaxBytes:N0} bytes, the limit for a download");
}
