using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ekiben.Tests.Domains;

/// <summary>A name server on loopback that knows what a test publishes: texts and MX hosts (RFC 1035 §4). What it does not know does not exist.</summary>
internal sealed class NameServer : IDisposable
{
    private const ushort Mx = 15;
    private const ushort Txt = 16;

    private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly ConcurrentDictionary<(string Name, ushort Type), List<byte[]>> _records = new();

    public NameServer() => Answering = AnswerAsync();

    public IPEndPoint EndPoint => (IPEndPoint)_socket.Client.LocalEndPoint!;

    private Task Answering { get; }

    /// <summary>Adds a text, cut into strings of 255 octets.</summary>
    public void AddText(string name, string text) =>
        Add(name, Txt, [.. Encoding.ASCII.GetBytes(text).Chunk(255).SelectMany(part => (byte[])[(byte)part.Length, .. part])]);

    public void AddMx(string name, string host) => Add(name, Mx, [0, 10, .. Name(host)]);

    public void Remove(string name) => _records.TryRemove((name, Txt), out _);

    public void Dispose() => _socket.Dispose();

    private void Add(string name, ushort type, byte[] data) => _records.GetOrAdd((name, type), _ => []).Add(data);

    private async Task AnswerAsync()
    {
        try
        {
            while (true)
            {
                var question = await _socket.ReceiveAsync();
                await _socket.SendAsync(Answer(question.Buffer), question.RemoteEndPoint);
            }
        }
        catch (Exception ended) when (ended is ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }

    private byte[] Answer(byte[] question)
    {
        var at = 12;
        var labels = new List<string>();
        while (question[at] != 0)
        {
            labels.Add(Encoding.ASCII.GetString(question, at + 1, question[at]));
            at += 1 + question[at];
        }

        var type = BinaryPrimitives.ReadUInt16BigEndian(question.AsSpan(at + 1));
        var name = string.Join('.', labels).ToLowerInvariant();
        var records = _records.GetValueOrDefault((name, type), []);
        var exists = _records.Keys.Any(key => key.Name == name || key.Name.EndsWith("." + name, StringComparison.Ordinal));

        // Id and question as they came; recursion available; NXDOMAIN (3) where nothing has the name.
        List<byte> answer = [question[0], question[1], 0x81, (byte)(exists ? 0x80 : 0x83), 0, 1, 0, (byte)records.Count, 0, 0, 0, 0, .. question[12..(at + 5)]];
        foreach (var data in records)
        {
            answer.AddRange([0xC0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 60, (byte)(data.Length >> 8), (byte)data.Length, .. data]);
        }

        return [.. answer];
    }

    private static byte[] Name(string name) =>
        [.. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];
}
