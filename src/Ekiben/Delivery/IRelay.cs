namespace Ekiben.Delivery;

/// <summary>
/// Takes messages over. Two ship: <see cref="SmtpRelay"/> and the built-in mailbox of test sites.
/// A connection is made before a row is claimed, so that a relay that cannot be reached costs no recipient anything.
/// </summary>
internal interface IRelay
{
    /// <summary>How many messages may be on the wire at once: W of ledger.md rule 12.</summary>
    int Connections { get; }

    /// <summary>For people: <c>smtp://host:port</c> or <c>the built-in mailbox</c>.</summary>
    string Name { get; }

    /// <exception cref="RelayUnavailableException">It cannot be reached, or it does not want us.</exception>
    ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel);
}

/// <summary>One connection: one message at a time.</summary>
internal interface IRelayConnection : IAsyncDisposable
{
    /// <summary>False once it cannot take another message: the relay closed it, or a reply was lost.</summary>
    bool IsUsable { get; }

    /// <summary>Never throws for what the relay or the network does: that is the outcome.</summary>
    /// <param name="message">What to hand over.</param>
    /// <param name="abort">Ends waiting for the relay at shutdown; a message that may have left is then uncertain.</param>
    ValueTask<DeliveryOutcome> SendAsync(OutgoingMessage message, CancellationToken abort);
}

/// <summary>A composed message in its envelope.</summary>
/// <param name="Site">The site it belongs to.</param>
/// <param name="EnvelopeSender">MAIL FROM: the same on every attempt.</param>
/// <param name="Recipient">RCPT TO.</param>
/// <param name="Bytes">The message with CRLF line ends, not dot-stuffed.</param>
internal readonly record struct OutgoingMessage(Storage.SiteId Site, string EnvelopeSender, string Recipient, ReadOnlyMemory<byte> Bytes)
{
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
