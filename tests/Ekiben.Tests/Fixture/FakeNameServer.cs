using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ekiben.Dns;

namespace Ekiben.Tests.Fixture;

/// <summary>
/// A name server on the loopback (UDP, RFC 1035) with the records that a test gives it. Names that it does not know do not exist;
/// what it was asked stands in <see cref="Questions"/>.
/// </summary>
internal sealed class FakeNameServer : IAsyncDisposable
{
    private const int Mx = 15, Txt = 16, A = 1, Cname = 5, Ptr = 12, Aaaa = 28;
    private const int NameError = 3, ServerFailure = 2;

    private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<(string Name, int Type), List<byte[]>> _records = new();
    private readonly ConcurrentDictionary<string, bool> _failing = new();
    private readonly ConcurrentQueue<string> _questions = new();
    private readonly Task _serving;

    public FakeNameServer()
    {
        EndPoint = (IPEndPoint)_socket.Client.LocalEndPoint!;
        _serving = ServeAsync();
    }

    public IPEndPoint EndPoint { get; }

    public DnsOption Option => DnsOption.Of(EndPoint);

    /// <summary><c>MX example.com</c>, in the order of asking.</summary>
    public IReadOnlyList<string> Questions => [.. _questions];

    /// <summary>Seconds that its answers may be kept.</summary>
    public int Lifetime { get; set; } = 300;

    public FakeNameServer AddMx(string name, int preference, string host) => Add(name, Mx, [(byte)(preference >> 8), (byte)preference, .. Name(host)]);

    /// <summary>Texts longer than 255 bytes become several strings of one record.</summary>
    public FakeNameServer AddTxt(string name, string text) => Add(name, Txt, [.. Encoding.UTF8.GetBytes(text).Chunk(255).SelectMany(part => (byte[])[(byte)part.Length, .. part])]);

    public FakeNameServer AddA(string name, string address) => Add(name, A, IPAddress.Parse(address).GetAddressBytes());

    public FakeNameServer AddAaaa(string name, string address) => Add(name, Aaaa, IPAddress.Parse(address).GetAddressBytes());

    public FakeNameServer AddCname(string name, string target) => Add(name, Cname, Name(target));

    public FakeNameServer AddPtr(string name, string target) => Add(name, Ptr, Name(target));

    public FakeNameServer Remove(string name)
    {
        foreach (var key in _records.Keys.Where(key => key.Name == name))
        {
            _records.TryRemove(key, out _);
        }

        return this;
    }

    /// <summary>Answers SERVFAIL for the name from now on.</summary>
    public FakeNameServer Fail(string name)
    {
        _failing[name] = true;
        return this;
    }

    /// <summary>From here on nobody listens at <see cref="EndPoint"/>; disposing it again does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_serving.IsCompleted)
        {
            return;
        }

        await _stop.CancelAsync();
        _socket.Dispose();
        await _serving;
        _stop.Dispose();
    }

    private FakeNameServer Add(string name, int type, byte[] data)
    {
        _records.AddOrUpdate((name, type), [data], (_, before) => [.. before, data]);
        return this;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var question = await _socket.ReceiveAsync(_stop.Token);
                await _socket.SendAsync(Answer(question.Buffer), question.RemoteEndPoint, _stop.Token);
            }
        }
        catch (Exception over) when (over is OperationCanceledException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private byte[] Answer(byte[] question)
    {
        var (name, end) = ReadName(question, 12);
        var type = BinaryPrimitives.ReadUInt16BigEndian(question.AsSpan(end));
        _questions.Enqueue($"{Word(type)} {name}");
        var records = _records.GetValueOrDefault((name, type), []);
        var exists = records.Count > 0 || _records.Keys.Any(key => key.Name == name);
        var code = _failing.ContainsKey(name) ? ServerFailure : exists ? 0 : NameError;

        List<byte> answer = [question[0], question[1], 0x81, (byte)(0x80 | code), 0, 1, 0, code == 0 ? (byte)records.Count : (byte)0, 0, 0, 0, 0];
        answer.AddRange(question[12..(end + 4)]);
        foreach (var record in code == 0 ? records : [])
        {
            var lifetime = Lifetime;
            answer.AddRange([0xC0, 12, 0, (byte)type, 0, 1, (byte)(lifetime >> 24), (byte)(lifetime >> 16), (byte)(lifetime >> 8), (byte)lifetime]);
            answer.AddRange([(byte)(record.Length >> 8), (byte)record.Length, .. record]);
        }

        return [.. answer];
    }

    private static string Word(int type) => type switch { Mx => "MX", Txt => "TXT", A => "A", Aaaa => "AAAA", Cname => "CNAME", Ptr => "PTR", _ => $"TYPE{type}" };

    private static byte[] Name(string name) =>
        [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];

    private static (string Name, int End) ReadName(byte[] message, int at)
    {
        var labels = new List<string>();
        for (; message[at] != 0; at += message[at] + 1)
        {
            labels.Add(Encoding.ASCII.GetString(message, at + 1, message[at]));
        }

        return (string.Join('.', labels).ToLowerInvariant(), at + 1);
    }
}
