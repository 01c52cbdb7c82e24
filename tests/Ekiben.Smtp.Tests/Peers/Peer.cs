using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>How a server is set up. All of them take <c>known…@b.example</c> and nobody else there, and say 450 to <c>later@b.example</c>.</summary>
internal sealed record PeerSetup
{
    public bool Pipelining { get; init; } = true;

    public bool SmtpUtf8 { get; init; } = true;

    /// <summary>Octets; more is refused with 552.</summary>
    public int MaxSize { get; init; } = 10_000_000;

    /// <summary>False keeps the limit to itself until it has the message.</summary>
    public bool TellsSize { get; init; } = true;

    /// <summary>With anything but none it has the certificate of <see cref="TestAuthority"/>, for 127.0.0.1.</summary>
    public SmtpTls Tls { get; init; }

    /// <summary>The mechanism that it offers, for <c>me</c> with <c>secret</c> or the token <c>abc</c>; null takes everybody.</summary>
    public string? Auth { get; init; }

    /// <summary>After so many it says 421; null never does. Postfix has no such setting: it says so to <c>close@b.example</c>.</summary>
    public int? MessagesPerConnection { get; init; }
}

/// <summary>A message that a server delivered.</summary>
/// <param name="Recipient">To whom.</param>
/// <param name="Trace">The header fields that the server put before it; among them Received, with its own number of the message.</param>
/// <param name="Bytes">The rest, with CRLF.</param>
internal sealed record Taken(string Recipient, string Trace, byte[] Bytes);

/// <summary>A real server on loopback, with a folder of its own that goes away with it.</summary>
internal abstract class Peer : IAsyncDisposable
{
    /// <summary>The port may be taken between the choice and the start: by chance, so not often.</summary>
    private const int MaxStarts = 5;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ekiben-peer-");

    protected Peer(PeerSetup setup)
    {
        (Setup, Port) = (setup, PeerFiles.FreePort());

        // Its processes have users of their own.
        if (!OperatingSystem.IsWindows())
        {
            _folder.UnixFileMode |= UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        }

        File.WriteAllText(In("certificate.pem"), TestAuthority.CertificatePem);
        File.WriteAllText(In("key.pem"), TestAuthority.KeyPem);
    }

    public PeerSetup Setup { get; }

    public int Port { get; }

    public SmtpOptions Options => new()
    {
        Host = "127.0.0.1",
        Port = Port,
        Tls = Setup.Tls,
        TrustedRoots = new X509Certificate2Collection(TestAuthority.Root),
    };

    public static async Task<Peer> StartAsync(PeerKind kind, PeerSetup setup, CancellationToken cancel)
    {
        PeerFiles.Require(kind == PeerKind.Postfix ? PostfixPeer.Master : EximPeer.Daemon, wantsRoot: true);
        for (var starts = 1; ; starts++)
        {
            Peer peer = kind == PeerKind.Postfix ? new PostfixPeer(setup) : new EximPeer(setup);
            try
            {
                await peer.StartAsync(cancel);
                return peer;
            }
            catch (PeerEndedException exception) when (starts < MaxStarts && exception.Message.Contains("ddress already in use", StringComparison.Ordinal))
            {
                await peer.DisposeAsync();
            }
            catch
            {
                await peer.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>All that it took and delivered, when no connection is open any more.</summary>
    /// <param name="accepted">Its replies to what it took.</param>
    /// <param name="cancel">Gives up.</param>
    public abstract Task<IReadOnlyList<Taken>> CollectAsync(IReadOnlyList<SmtpReply> accepted, CancellationToken cancel);

    public virtual ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    protected abstract Task StartAsync(CancellationToken cancel);

    protected string In(string path) => Path.Combine(_folder.FullName, path);

    /// <summary>Makes folders and gives them to a user.</summary>
    protected async Task MakeAsync(string owner, CancellationToken cancel, params IEnumerable<string> folders)
    {
        var paths = folders.Select(In).ToList();
        paths.ForEach(path => Directory.CreateDirectory(path));
        await PeerProcess.RunAsync(new ProcessStartInfo("chown", [owner, .. paths]), cancel);
    }

    /// <summary>Reads a maildir: both servers put their fields before the message and write LF.</summary>
    protected List<Taken> ReadMaildir(string path, string recipientField)
    {
        var folder = new DirectoryInfo(Path.Combine(In(path), "new"));
        return folder.Exists ? [.. folder.GetFiles().Select(file => Read(File.ReadAllBytes(file.FullName), recipientField))] : [];
    }

    private static Taken Read(byte[] bytes, string recipientField)
    {
        string[] added = ["Return-Path:", "X-Original-To:", "Delivered-To:", "Envelope-To:", "Received:", "\t", " "];
        var (at, recipient) = (0, "");
        while (true)
        {
            var line = Encoding.UTF8.GetString(bytes, at, Array.IndexOf(bytes, (byte)'\n', at) - at);
            if (!added.Any(field => line.StartsWith(field, StringComparison.OrdinalIgnoreCase)))
            {
                break;
            }

            recipient = line.StartsWith(recipientField, StringComparison.OrdinalIgnoreCase) ? line[recipientField.Length..].Trim() : recipient;
            at += Encoding.UTF8.GetByteCount(line) + 1;
        }

        var rest = Encoding.Latin1.GetString(bytes, at, bytes.Length - at).Replace("\n", "\r\n", StringComparison.Ordinal);
        return new Taken(recipient, Encoding.UTF8.GetString(bytes, 0, at), Encoding.Latin1.GetBytes(rest));
    }
}
