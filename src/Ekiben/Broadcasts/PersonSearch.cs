using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>Finds people of a site by their address, for previews and tests: the whole address, or how it begins.</summary>
internal sealed class PersonSearch(Database database, InstanceKey instanceKey)
{
    public const int MaxFound = 8;

    /// <summary>The person with exactly this address; of several who share it the first.</summary>
    public async Task<SubscriberId?> FindAsync(SiteId site, string email, CancellationToken cancel)
    {
        if (!EmailAddress.TryParse(email, out var address, out _))
        {
            return null;
        }

        await using var db = database.Open(site);
        var hash = AddressHash.Of(instanceKey, address.Normalised);
        var found = await db.Subscribers.Where(s => s.Address.Hash == hash && s.Address.SiteId == site).OrderBy(s => s.Id).Select(s => (SubscriberId?)s.Id).FirstOrDefaultAsync(cancel);
        return found;
    }

    /// <summary>People whose address begins like this, at most <see cref="MaxFound"/>; a whole address is looked up at once.</summary>
    public async Task<IReadOnlyList<AudiencePerson>> SearchAsync(SiteId site, string text, CancellationToken cancel)
    {
        var start = text.Trim().ToLowerInvariant();
        if (start.Length == 0)
        {
            return [];
        }

        await using var db = database.Open(site);
        var people = await FindAsync(site, start, cancel) is { } exact
            ? db.Subscribers.Where(s => s.Id == exact)
            : db.Subscribers.Where(s => s.Address.Normalised.StartsWith(start));
        return await people.OrderBy(s => s.Id).Take(MaxFound)
            .Select(s => new AudiencePerson(s.Id, s.Address.Written, s.FirstName, s.LastName))
            .ToListAsync(cancel);
    }
}
