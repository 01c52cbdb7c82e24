using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Ekiben.Smtp.Tests.Peers;

/// <summary>Sends to a peer over one connection, and compares what our engine says with what the peer has.</summary>
internal static class PeerRun
{
    /// <summary>A message with dots at the beginning of lines, octets above 127 and a line longer than RFC 5321 allows.</summary>
    public static SmtpMessage Message(int number, string recipient) => new(
        "from@a.example",
        recipient,
        Encoding.UTF8.GetBytes(
            $"Subject: {number}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            + $".one dot\r\n..two dots\r\n.\r\nd\u00e9j\u00e0 vu \u5f01\u5f53\r\n{new string('x', 3000)}\r\n{new string('y', number % 7 * 500)}\r\n"));

    public static SmtpMessage Known(int number) => Message(number, $"known{number}@b.example");

    /// <summary>Chained where the server takes that; an outcome for each message, also when the connection is lost.</summary>
    /// <param name="options">Where to.</param>
    /// <param name="messages">What.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="peers">Remembers the server; null for a memory of this connection's own.</param>
    /// <param name="whileUsable">True stops where the connection says that it can take no more: the outcomes of the first messages then.</param>
    public static async Task<List<DeliveryOutcome>> SendAsync(
        SmtpOptions options, IReadOnlyList<SmtpMessage> messages, CancellationToken cancel, PeerMemory? peers = null, bool whileUsable = false)
    {
        await using var connection = await ConnectAsync(options, cancel, peers);
        var outcomes = new List<DeliveryOutcome>();
        for (var begun = 0; outcomes.Count < messages.Count;)
        {
            while (begun < messages.Count && connection.Begun < connection.Capacity && (connection.IsUsable || !whileUsable))
            {
                connection.Begin(messages[begun++]);
            }

            if (connection.Begun == 0)
            {
                break;
            }

            outcomes.Add(await connection.CompleteAsync(cancel));
        }

        return outcomes;
    }

    public static async Task<SmtpConnection> ConnectAsync(SmtpOptions options, CancellationToken cancel, PeerMemory? peers = null)
    {
        var clock = new FakeTimeProvider();
        return await SmtpConnection.ConnectAsync(options, peers ?? new PeerMemory(clock), clock, cancel);
    }

    /// <summary>The peer has each accepted message once, under the number of its reply and byte by byte, and nothing else.</summary>
    public static async Task AgreesAsync(Peer peer, IReadOnlyList<SmtpMessage> messages, IReadOnlyList<DeliveryOutcome> outcomes, CancellationToken cancel)
    {
        var accepted = outcomes.OfType<DeliveryOutcome.Accepted>().ToList();
        var taken = (await peer.CollectAsync([.. accepted.Select(outcome => outcome.Reply)], cancel)).ToLookup(message => message.Recipient);
        for (var i = 0; i < messages.Count; i++)
        {
            var copies = taken[messages[i].Recipient].ToList();
            if (outcomes[i] is not DeliveryOutcome.Accepted { Reply: var reply })
            {
                Assert.True(copies.Count == 0, $"{messages[i].Recipient} is {outcomes[i]}, and it has {copies.Count}");
                continue;
            }

            var copy = Assert.Single(copies);
            Assert.Equal(messages[i].Bytes.ToArray(), copy.Bytes);

            // "queued as ID" and "OK id=ID": the reply was to this message and to no other.
            Assert.Contains(reply.Text.Split(' ', '=')[^1], copy.Trace, StringComparison.Ordinal);
        }

        Assert.Equal(accepted.Count, taken.Sum(copies => copies.Count()));
    }

    /// <summary>An outcome without the words of its reply.</summary>
    public static string Said(DeliveryOutcome outcome) => outcome switch
    {
        DeliveryOutcome.Accepted => "accepted",
        DeliveryOutcome.Deferred(var phase, var reply) => $"deferred {phase} {reply.Code} {reply.Enhanced}",
        DeliveryOutcome.Refused(var phase, var reply) => $"refused {phase} {reply.Code} {reply.Enhanced}",
        DeliveryOutcome.NotSent => "notsent",
        _ => outcome.ToString(),
    };
}
