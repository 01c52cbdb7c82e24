using Ekiben.Mail;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>
/// What a request says of people one after the other, written inside the transaction that <paramref name="db"/> has open. Unlike an import it may
/// lift an unsubscription, because somebody said so in as many words; a suppression it never lifts.
/// </summary>
internal sealed class SubscriberChanges(SubscriberImport import, Db db, SiteId site, DateTimeOffset now)
{
    private readonly List<SubscriberRecord> _records = [];
    private readonly Dictionary<string, DateTimeOffset?> _unsubscribed = new(StringComparer.Ordinal);

    /// <summary>People, fields and tags as an import takes them.</summary>
    public void Say(SubscriberRecord record) => _records.Add(record);

    public void Subscribe(SubscriberRecord person) => _unsubscribed[Convert.ToHexString(person.Hash)] = null;

    /// <summary>Also of somebody who is unsubscribed: the time is the last one said.</summary>
    public void Unsubscribe(SubscriberRecord person, DateTimeOffset at) => _unsubscribed[Convert.ToHexString(person.Hash)] = at;

    /// <summary>Writes what was said until now.</summary>
    /// <returns>The ids of the people said, by the hexadecimal form of their hashes.</returns>
    public async Task<IReadOnlyDictionary<string, SubscriberId>> WriteAsync(CancellationToken cancel)
    {
        foreach (var some in _records.Chunk(SubscriberImport.MaxRecords))
        {
            await import.ImportAsync(db, site, some, now, cancel);
        }

        var ids = await FindAsync([.. _records.Select(record => record.Hash)], cancel);
        foreach (var (hash, at) in _unsubscribed)
        {
            var id = ids[hash];
            await db.Subscribers.Where(s => s.Id == id)
                .ExecuteUpdateAsync(set => set.SetProperty(s => s.UnsubscribedAt, at).SetProperty(s => s.UpdatedAt, now), cancel);
        }

        _records.Clear();
        _unsubscribed.Clear();
        return ids;
    }

    /// <summary>Takes a name away, which an import cannot.</summary>
    public async Task ClearNameAsync(SubscriberRecord person, bool first, CancellationToken cancel)
    {
        _records.Add(person);
        var id = (await WriteAsync(cancel))[Convert.ToHexString(person.Hash)];
        var one = db.Subscribers.Where(s => s.Id == id);
        await (first
            ? one.ExecuteUpdateAsync(set => set.SetProperty(s => s.FirstName, (string?)null).SetProperty(s => s.UpdatedAt, now), cancel)
            : one.ExecuteUpdateAsync(set => set.SetProperty(s => s.LastName, (string?)null).SetProperty(s => s.UpdatedAt, now), cancel));
    }

    /// <summary>
    /// Points the person at another address (ledger.md rule 1); frozen recipients keep the old one. Nobody with the old address: a person with the new one is made.
    /// </summary>
    public async Task ChangeEmailAsync(SubscriberRecord person, EmailAddress to, byte[] hash, CancellationToken cancel)
    {
        await WriteAsync(cancel);
        if (!(await FindAsync([person.Hash], cancel)).TryGetValue(Convert.ToHexString(person.Hash), out var id))
        {
            _records.Add(new SubscriberRecord { Address = to, Hash = hash });
            await WriteAsync(cancel);
            return;
        }

        var address = await db.Addresses.FirstOrDefaultAsync(a => a.Hash == hash, cancel);
        if (address is null)
        {
            address = new Address { SiteId = site, Normalised = to.Normalised, Written = to.Written, Hash = hash };
            db.Addresses.Add(address);
        }
        else if (address.Normalised.Length == 0)
        {
            // Erased once and given again; its suppression stays.
            (address.Normalised, address.Written) = (to.Normalised, to.Written);
        }

        await db.SaveChangesAsync(cancel);
        await db.Subscribers.Where(s => s.Id == id)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.AddressId, address.Id).SetProperty(s => s.UpdatedAt, now), cancel);
    }

    /// <summary>Of two people with one address the older is meant, as the import means it.</summary>
    private async Task<Dictionary<string, SubscriberId>> FindAsync(IReadOnlyCollection<byte[]> hashes, CancellationToken cancel)
    {
        var ids = new Dictionary<string, SubscriberId>(StringComparer.Ordinal);
        foreach (var some in hashes.DistinctBy(Convert.ToHexString).Chunk(500))
        {
            var found = await db.Subscribers.Where(s => some.Contains(s.Address.Hash)).Select(s => new { s.Id, s.Address.Hash }).ToListAsync(cancel);
            foreach (var person in found.OrderBy(person => person.Id.Value))
            {
                ids.TryAdd(Convert.ToHexString(person.Hash), person.Id);
            }
        }

        return ids;
    }
}
