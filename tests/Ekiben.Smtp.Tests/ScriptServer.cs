using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Ekiben.Smtp.Tests;

/// <summary>A server on loopback that speaks by script, one script a connection.</summary>
internal sealed class ScriptServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Stream> _open = [];
    private readonly Task _serving;

    public ScriptServer(params Func<Speaker, Task>[] scripts)
    {
        _listener.Start();
        _serving = ServeAsync(scripts);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The scripts' end; a script that heard something else fails it.</summary>
    public Task Served => _serving;

    /// <summary>Valid for the address, and for nothing else.</summary>
    public static X509Certificate2 Certificate(string address)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Parse(address));
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2090, 1, 1, 0, 0, 0, TimeSpan.Zero));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _open.ForEach(stream => stream.Dispose());
        _stop.Dispose();
    }

    private async Task ServeAsync(Func<Speaker, Task>[] scripts)
    {
        foreach (var script in scripts)
        {
            var socket = await _listener.AcceptSocketAsync(_stop.Token);
            socket.NoDelay = true;
            var stream = new NetworkStream(socket, ownsSocket: true);
            var speaker = new Speaker(stream, _stop.Token);
            _open.Add(stream);
            try
            {
                await script(speaker);
            }
            finally
            {
                if (!speaker.IsLeftOpen)
                {
                    await stream.DisposeAsync();
                }
            }
        }
    }

    internal sealed class Speaker(Stream stream, CancellationToken stop)
    {
        private Stream _stream = stream;

        public bool IsLeftOpen { get; private set; }

        /// <summary>The connection outlives the script, until the server is disposed.</summary>
        public void StaysOpen() => IsLeftOpen = true;

        public async Task SayAsync(string text) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(text), stop);

        public async Task HearAsync(string text)
        {
            var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
            var length = await _stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, stop);
            Assert.Equal(text, Encoding.UTF8.GetString(bytes, 0, length));
        }

        public async Task EncryptAsync(X509Certificate2 certificate)
        {
            var tls = new SslStream(_stream);
            await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, stop);
            _stream = tls;
        }

        /// <summary>Waits until the client is gone; all that it may still say is goodbye.</summary>
        public async Task HearTheEndAsync()
        {
            var rest = new byte[64];
            try
            {
                var length = await _stream.ReadAtLeastAsync(rest, "QUIT\r\n".Length, throwOnEndOfStream: false, stop);
                Assert.True(Encoding.UTF8.GetString(rest, 0, length) is "" or "QUIT\r\n", Encoding.UTF8.GetString(rest, 0, length));
            }
            catch (IOException)
            {
                // A client that broke off resets the connection: that is an end too.
            }
        }
    }
}
