using Ekiben.Accounts;
using Ekiben.Storage;
using Ekiben.Suppressions;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>
/// Deletes a person (ledger.md rule 1): the row, tags, events and reactions go, the address's text is blanked. Its hash stays with a suppression,
/// so an import of the same address gets no mail either, and receipts keep their sums: rows that wait become suppressed with it.
/// </summary>
internal sealed class Erasure(Db db, SiteId site, Actor actor, DateTimeOffset now)
{
    /// <summary>Everybody with this address, inside the transaction that the context has open. False when there is nobody.</summary>
    public async Task<bool> RunAsync(byte[] hash, CancellationToken cancel)
    {
        var people = await db.Subscribers.Where(person => person.Address.Hash == hash).Select(person => person.Id).ToListAsync(cancel);
        if (people.Count == 0)
        {
            return false;
        }

        await db.SubscriberTags.Where(carried => people.Contains(carried.SubscriberId)).ExecuteDeleteAsync(cancel);
        await db.Events.Where(happened => people.Contains(happened.SubscriberId)).ExecuteDeleteAsync(cancel);
        await db.Reactions.Where(reaction => people.Contains(reaction.SubscriberId)).ExecuteDeleteAsync(cancel);
        await db.Enrolments.Where(one => people.Contains(one.SubscriberId)).ExecuteDeleteAsync(cancel);
        await db.Subscribers.Where(person => people.Contains(person.Id)).ExecuteDeleteAsync(cancel);

        var address = await db.Addresses.SingleAsync(found => found.Hash == hash, cancel);
        (address.Normalised, address.Written) = ("", "");
        var suppression = await db.Suppressions.FirstOrDefaultAsync(found => found.AddressId == address.Id, cancel);
        if (suppression is null)
        {
            db.Suppressions.Add(new Suppression { SiteId = site, AddressId = address.Id, Reason = SuppressionReason.Deleted, CreatedAt = now });
        }
        else
        {
            // A reply that it quotes may name the address.
            suppression.Detail = null;
        }

        await EraseMailsAsync(address.Id, cancel);
        await ErasedRows.SettleAsync(db, site, address.Id, now, cancel);
        foreach (var person in people)
        {
            db.AuditLog.Add(new AuditEntry { SiteId = site, Actor = actor.Name, Action = "person.erased", Subject = $"subscriber:{person}", At = now });
        }

        await db.SaveChangesAsync(cancel);
        return true;
    }

    /// <summary>What mails to the person said goes: programs write names and numbers into them. That there were mails stays.</summary>
    private async Task EraseMailsAsync(AddressId address, CancellationToken cancel)
    {
        var contents = await db.Mails.Where(mail => mail.AddressId == address && mail.ContentId != null).Select(mail => mail.ContentId!.Value).Distinct().ToListAsync(cancel);
        await db.Mails.Where(mail => mail.AddressId == address).ExecuteUpdateAsync(
            set => set.SetProperty(mail => mail.ContentId, (long?)null).SetProperty(mail => mail.Personalizations, (string?)null)
                .SetProperty(mail => mail.Cc, (string?)null).SetProperty(mail => mail.Bcc, (string?)null), cancel);
        await db.MailContents.Where(content => contents.Contains(content.Id) && !db.Mails.Any(mail => mail.ContentId == content.Id)).ExecuteDeleteAsync(cancel);
    }
}
