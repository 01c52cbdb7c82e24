using System.Collections.Concurrent;
using Ekiben.Mailbox;
using Ekiben.Sites;

namespace Ekiben.Delivery;

/// <summary>
/// Which relay a site sends through: a test site always the mailbox, a live one its own relay or else the server's, never the one for the other.
/// A relay that is changed gets a new pool; runs that hold the old one keep it to their end, so no message loses its answer over an edit.
/// </summary>
internal sealed class RelayPools : IAsyncDisposable
{
    private readonly ConcurrentDictionary<(long Id, DateTimeOffset Version), Lazy<RelayPool>> _stored = [];
    private readonly StoredRelays _relays;
    private readonly TimeProvider _clock;
    private readonly RelayPool _mailbox;
    private readonly RelayPool? _relay;

    public RelayPools(EkibenOptions options, MailboxStore mailbox, StoredRelays relays, TimeProvider clock)
    {
        (_relays, _clock) = (relays, clock);
        _mailbox = new RelayPool(new MailboxRelay(mailbox), clock);
        _relay = options.Relay is { } relay ? new RelayPool(new SmtpRelay(relay, clock), clock) : null;
    }

    /// <exception cref="InvalidOperationException">A live site without a relay that can be used: <see cref="Broadcasts.SendingRequirements"/> refuses its approval.</exception>
    public RelayPool For(Site site) => site.IsTest
        ? _mailbox
        : _relays.Of(site) is { } own ? Stored(own) : _relay ?? throw new InvalidOperationException("a live site cannot send without a relay");

    public async ValueTask DisposeAsync()
    {
        await _mailbox.DisposeAsync();
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        foreach (var pool in _stored.Values)
        {
            await pool.Value.DisposeAsync();
        }
    }

    private RelayPool Stored(StoredRelay relay) => _stored.GetOrAdd((relay.Id, relay.UpdatedAt), _ => new Lazy<RelayPool>(() =>
        _relays.TryOpen(relay, out var options, out var problem) ? new RelayPool(new SmtpRelay(options!, _clock), _clock) : throw new InvalidOperationException(problem))).Value;
}
