using Ekiben.Segments;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>Which people a list shows; everything is optional and goes together, but a segment goes alone.</summary>
/// <param name="Search">A part of an address or name, in lower case.</param>
/// <param name="Tag">The id of a tag that they carry.</param>
/// <param name="Segment">The rule of a segment: those of it who would get a broadcast.</param>
/// <param name="State"><c>subscribed</c>, <c>unsubscribed</c> or <c>suppressed</c>.</param>
internal sealed record SubscriberFilter(string? Search, long? Tag, SegmentRule? Segment, string? State);

/// <summary>A line of the list.</summary>
internal sealed record SubscriberRow(
    SubscriberId Id, string Email, string? FirstName, string? LastName, DateTimeOffset? UnsubscribedAt, bool IsSuppressed, DateTimeOffset CreatedAt)
{
    /// <summary>Why they would get no mail, or that they would.</summary>
    public string State => IsSuppressed ? "suppressed" : UnsubscribedAt is not null ? "unsubscribed" : "subscribed";

    public string Name => string.Join(' ', new[] { FirstName, LastName }.Where(part => !string.IsNullOrEmpty(part)));
}

/// <summary>Reads people for the list and its CSV, the newest first (a segment's: the oldest first), after the id of the row before.</summary>
internal sealed class SubscriberList(Database database, Audiences audiences)
{
    public async Task<(IReadOnlyList<SubscriberRow> Rows, long? Next)> ReadAsync(SiteId site, SubscriberFilter filter, long? after, int limit, CancellationToken cancel)
    {
        await using var db = database.Open(site);
        if (filter.Segment is { } segment)
        {
            var ids = await audiences.SampleAsync(new AudienceRule(site, [], [], segment), new SubscriberId(after ?? 0), limit + 1, cancel);
            var page = ids.Take(limit).ToArray();
            var people = await Rows(db, db.Subscribers.Where(s => page.Contains(s.Id))).ToListAsync(cancel);
            return ([.. people.OrderBy(person => person.Id.Value)], ids.Count > limit ? page[^1].Value : null);
        }

        var query = db.Subscribers.AsNoTracking();
#pragma warning disable CA1304, CA1311, CA1862 // This becomes the database's lower(), which knows no culture.
        if (filter.Search is { } wanted)
        {
            query = query.Where(s => s.Address.Normalised.Contains(wanted) || s.FirstName!.ToLower().Contains(wanted) || s.LastName!.ToLower().Contains(wanted));
        }
#pragma warning restore CA1304, CA1311, CA1862

        query = filter.State switch
        {
            "subscribed" => query.Where(s => s.UnsubscribedAt == null && !db.Suppressions.Any(p => p.AddressId == s.AddressId)),
            "unsubscribed" => query.Where(s => s.UnsubscribedAt != null),
            "suppressed" => query.Where(s => db.Suppressions.Any(p => p.AddressId == s.AddressId)),
            _ => query,
        };
        var last = new SubscriberId(after ?? long.MaxValue);
        var rows = filter.Tag is { } tag
            // By the tag's own key, which is in the order of people: a rare tag among a million costs what a common one does.
            ? await Rows(db, db.SubscriberTags.Where(c => c.TagId == tag && c.SubscriberId < last).OrderByDescending(c => c.SubscriberId)
                .Join(query, c => c.SubscriberId, s => s.Id, (c, s) => s).Take(limit + 1)).ToListAsync(cancel)
            : await Rows(db, query.Where(s => s.Id < last).OrderByDescending(s => s.Id).Take(limit + 1)).ToListAsync(cancel);
        return rows.Count > limit ? (rows[..limit], rows[limit - 1].Id.Value) : (rows, null);
    }

    /// <summary>How many a filter without a search or state finds in all; walks them, so ask beside the page.</summary>
    public async Task<long> CountAsync(SiteId site, SubscriberFilter filter, CancellationToken cancel)
    {
        if (filter.Segment is { } segment)
        {
            return (await audiences.CountAsync(new AudienceRule(site, [], [], segment), cancel)).Recipients;
        }

        await using var db = database.Open(site);
        return filter.Tag is { } tag
            ? await db.SubscriberTags.LongCountAsync(c => c.TagId == tag, cancel)
            : await db.Subscribers.LongCountAsync(cancel);
    }

    private static IQueryable<SubscriberRow> Rows(Db db, IQueryable<Subscriber> people) => people.Select(s => new SubscriberRow(
        s.Id, s.Address.Normalised, s.FirstName, s.LastName, s.UnsubscribedAt, db.Suppressions.Any(p => p.AddressId == s.AddressId), s.CreatedAt));
}
