using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>
/// Who tells Postfix whether a password is right: a server of Dovecot's authentication protocol 1.1, as much of it as PLAIN, LOGIN and XOAUTH2
/// need. Lines of words with tabs between them: AUTH and CONT come, CONT, OK and FAIL go.
/// </summary>
internal sealed class DovecotAuth : IAsyncDisposable
{
    private const string Oauth = "user=me\u0001auth=Bearer abc\u0001\u0001";
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly string _mechanism;
    private readonly Task _serving;

    public DovecotAuth(string mechanism)
    {
        _mechanism = mechanism;
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var clients = new List<Task>();
        try
        {
            while (true)
            {
                clients.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        finally
        {
            await Task.WhenAll(clients);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        await using var writer = new StreamWriter(client.GetStream(), Encoding.ASCII) { NewLine = "\n", AutoFlush = true };
        await writer.WriteAsync($"VERSION\t1\t1\nMECH\t{_mechanism}\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n");
        var said = new List<string>();
        while (await reader.ReadLineAsync(_stop.Token) is { } line)
        {
            var words = line.Split('\t');
            switch (words[0])
            {
                case "AUTH":
                    var first = Array.Find(words, word => word.StartsWith("resp=", StringComparison.Ordinal));
                    said = first is null ? [] : [Decode(first[5..])];
                    await writer.WriteLineAsync(Answer(words[1], said));
                    break;
                case "CONT":
                    said.Add(Decode(words[2]));
                    await writer.WriteLineAsync(Answer(words[1], said));
                    break;
            }
        }
    }

    private string Answer(string id, List<string> said) => (_mechanism, said) switch
    {
        ("PLAIN", ["\0me\0secret"]) or ("LOGIN", ["me", "secret"]) or ("XOAUTH2", [Oauth]) => $"OK\t{id}\tuser=me",
        ("LOGIN", []) => Ask(id, "Username:"),
        ("LOGIN", [_]) => Ask(id, "Password:"),
        ("XOAUTH2", [_]) => Ask(id, """{"status":"401"}"""),
        _ => $"FAIL\t{id}\tuser=me",
    };

    private static string Ask(string id, string what) => $"CONT\t{id}\t{Convert.ToBase64String(Encoding.ASCII.GetBytes(what))}";

    private static string Decode(string text) => Encoding.UTF8.GetString(Convert.FromBase64String(text));
}
