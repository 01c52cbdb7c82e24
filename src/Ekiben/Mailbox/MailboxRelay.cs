using Ekiben.Delivery;
using Microsoft.Data.Sqlite;
using MimeKit;

namespace Ekiben.Mailbox;

/// <summary>The relay of every test site, whatever <c>--relay</c> says: what it takes stays on this machine.</summary>
internal sealed class MailboxRelay(MailboxStore store) : IRelay
{
    public int Connections => 16;

    public string Name => "the built-in mailbox";

    public ValueTask<IRelayConnection> ConnectAsync(CancellationToken cancel) => ValueTask.FromResult<IRelayConnection>(new Connection(store));

    private sealed class Connection(MailboxStore store) : IRelayConnection
    {
        private OutgoingMessage _begun;

        public bool IsUsable => true;

        public int Capacity => 1;

        public void Begin(in OutgoingMessage message) => _begun = message;

        public ValueTask PrepareAsync(CancellationToken abort) => ValueTask.CompletedTask;

        public async ValueTask<DeliveryOutcome> CompleteAsync(CancellationToken abort)
        {
            var message = _begun;
            try
            {
                var headers = await HeaderList.LoadAsync(message.AsStream(), CancellationToken.None);
                foreach (var recipient in (IEnumerable<string>)[message.Recipient, .. message.Copies ?? []])
                {
                    await store.DeliverAsync(
                        message.Site,
                        message.EnvelopeSender,
                        recipient,
                        headers["Subject"] ?? "",
                        headers["Message-ID"]?.Trim('<', '>') ?? "",
                        message.Bytes);
                }

                return new DeliveryOutcome.Accepted(new SmtpReply(250, "2.0.0", "stored"));
            }
            catch (SqliteException exception)
            {
                // Rolled back, so it is certain that the mailbox does not have it.
                return new DeliveryOutcome.Deferred(SmtpPhase.Dot, new SmtpReply(452, "4.3.1", $"the mailbox cannot be written: {exception.Message}"));
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
