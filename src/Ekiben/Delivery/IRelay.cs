namespace Ekiben.Delivery;

/// <summary>
/// Takes messages over. Two ship: <see cref="SmtpRelay"/> and the built-in mailbox of test sites.
/// A connection is made before a row is claimed, so that a relay that cannot be reached costs no recipient anything.
/// </summary>
internal interface IRelay
{
    /// <summary>Connections at once, at most.</summary>
    int Connections { get; }

    /// <summary>For people: <c>smtp://host:port</c> or <c>the built-in mailbox</c>.</summary>
    string Name { get; }

    /// <exception cref="RelayUnavailableException">It cannot be reached, or it does not want us.</exception>
    ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel);
}

/// <summary>
/// One connection. Messages are begun and completed in the same order; where two may be begun, the end of one and the commands of the next
/// leave together. Nothing throws for what the relay or the network does: that is the outcome. Calls do not overlap.
/// </summary>
internal interface IRelayConnection : IAsyncDisposable
{
    /// <summary>False once it cannot take another message: the relay closed it, a reply was lost, or it has taken as many as it may.</summary>
    bool IsUsable { get; }

    /// <summary>How many messages may be begun before the outcome of the first is taken: 1, or 2 where transactions are chained.</summary>
    int Capacity { get; }

    /// <summary>Begins a message, whose bytes stay as they are until its outcome. Also on a connection that was lost: then it was not sent.</summary>
    void Begin(in OutgoingMessage message);

    /// <summary>Goes as far with the oldest message as it can without a byte of its body leaving.</summary>
    ValueTask PrepareAsync(CancellationToken abort);

    /// <summary>Hands the oldest message over and says what came of it.</summary>
    /// <param name="abort">Ends waiting for the relay at shutdown; a message that may have left is then uncertain.</param>
    ValueTask<DeliveryOutcome> CompleteAsync(CancellationToken abort);
}

/// <summary>A composed message in its envelope.</summary>
/// <param name="Site">The site it belongs to.</param>
/// <param name="EnvelopeSender">MAIL FROM: the same on every attempt.</param>
/// <param name="Recipient">RCPT TO.</param>
/// <param name="Bytes">The message with CRLF line ends, not dot-stuffed.</param>
internal readonly record struct OutgoingMessage(Storage.SiteId Site, string EnvelopeSender, string Recipient, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Further RCPT TO after the recipient, whose outcome is the message's; empty as a rule.</summary>
    public IReadOnlyList<string> Copies { get; init; } = [];

    /// <summary>The bytes to read, not copied.</summary>
    public Stream AsStream() => System.Runtime.InteropServices.MemoryMarshal.TryGetArray(Bytes, out var array)
        ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
        : new MemoryStream(Bytes.ToArray(), writable: false);
}

/// <summary>No connection to the relay could be made.</summary>
/// <param name="message">One sentence for people.</param>
/// <param name="isPermanent">5yz at the greeting, EHLO, STARTTLS or AUTH, or a certificate that is not the host's: trying again won't help.</param>
/// <param name="inner">The cause.</param>
internal sealed class RelayUnavailableException(string message, bool isPermanent, Exception? inner = null) : Exception(message, inner)
{
    public bool IsPermanent { get; } = isPermanent;
}
