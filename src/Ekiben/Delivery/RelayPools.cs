using Ekiben.Mailbox;
using Ekiben.Sites;

namespace Ekiben.Delivery;

/// <summary>Which relay a site sends through: a test site always the mailbox, a live one the server's relay, never the one for the other.</summary>
internal sealed class RelayPools : IAsyncDisposable
{
    private readonly RelayPool _mailbox;
    private readonly RelayPool? _relay;

    public RelayPools(EkibenOptions options, MailboxStore mailbox, TimeProvider clock)
    {
        _mailbox = new RelayPool(new MailboxRelay(mailbox), clock);
        _relay = options.Relay is { } relay ? new RelayPool(new SmtpRelay(relay, clock), clock) : null;
    }

    /// <exception cref="InvalidOperationException">A live site without a relay: <see cref="Broadcasts.SendingRequirements"/> refuses its approval.</exception>
    public RelayPool For(Site site) => site.IsTest
        ? _mailbox
        : _relay ?? throw new InvalidOperationException("a live site cannot send without a relay");

    public async ValueTask DisposeAsync()
    {
        await _mailbox.DisposeAsync();
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }
    }
}
