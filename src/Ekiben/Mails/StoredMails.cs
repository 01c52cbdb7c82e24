using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Mails;

/// <summary>From drafts to rows.</summary>
internal static class StoredMails
{
    /// <summary>Makes the people that are unknown, keeps the contents and puts the mails into the ledger, inside the transaction that <paramref name="db"/> has open.</summary>
    public static async Task<IReadOnlyList<SingleMail>> AddAsync(
        Db db, Site site, SubscriberImport import, IReadOnlyList<MailDraft> drafts, string createdBy, DateTimeOffset now, CancellationToken cancel)
    {
        if (drafts.Count == 0)
        {
            return [];
        }

        var changes = new SubscriberChanges(import, db, site.Id, now);
        foreach (var draft in drafts)
        {
            changes.Say(new SubscriberRecord { Address = draft.Address, Hash = draft.Hash });
        }

        var people = await changes.WriteAsync(cancel);
        var ids = people.Values.ToList();
        var addresses = await db.Subscribers.Where(person => ids.Contains(person.Id)).ToDictionaryAsync(person => person.Id, person => person.AddressId, cancel);
        var contents = new Dictionary<string, long>(StringComparer.Ordinal);
        var mails = new List<SingleMail>(drafts.Count);
        foreach (var draft in drafts)
        {
            var digest = Convert.ToHexString(draft.Content.Digest);
            if (!contents.TryGetValue(digest, out var content))
            {
                contents[digest] = content = await MailQueue.KeepAsync(db, draft.Content, site.Id, cancel);
            }

            var person = people[Convert.ToHexString(draft.Hash)];
            mails.Add(new SingleMail
            {
                SiteId = site.Id,
                SubscriberId = person,
                AddressId = addresses[person],
                ContentId = content,
                Personalizations = draft.Personalizations,
                IsTransactional = draft.IsTransactional,
                Cc = draft.Cc,
                Bcc = draft.Bcc,
                CreatedBy = createdBy,
                CreatedAt = now,
            });
        }

        await MailQueue.AddAsync(db, site, mails, now, cancel);
        return mails;
    }
}
