using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Events;

/// <summary>Bento's routes for events. They take effect on their people in the answer's own transaction, in the order of the request.</summary>
internal static class BentoEventsApi
{
    public static void MapBentoEvents(this RouteGroupBuilder bento)
    {
        bento.Map("POST", "/batch/events", StoreAsync).WithTags("Bento: events").Describe("Keep what people did, and do what it says", typeof(BentoCounts), typeof(EventsBody));
    }

    /// <summary>The same for Bento's first clients, which send a key as the user's name and no password: write PUBLISHABLE:SECRET as that key.</summary>
    public static void MapBentoTracking(this RouteGroupBuilder tracking) =>
        tracking.Map("POST", "", StoreAsync).WithTags("Bento: events").Describe("The same, for Bento's first clients", typeof(BentoCounts), typeof(EventsBody));

    /// <summary>1. Read every item. 2. In one transaction: write the people, drop purchases that are known, keep the rest. One that is refused does not stop the others.</summary>
    private static async Task<Answer> StoreAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadBatch(request, "events", RequestLimits.MaxEvents, out var items, out var refusal))
        {
            return refusal!;
        }

        var now = request.Service<TimeProvider>().GetUtcNow();
        var reader = new EventItemReader(request.Service<InstanceKey>(), request.SiteId, TimeZoneInfo.FindSystemTimeZoneById(request.Site.TimeZone), now);
        var given = new List<GivenEvent>(items.Count);
        var failures = new List<BentoFailure>();
        for (var index = 0; index < items.Count; index++)
        {
            if (reader.TryRead(items[index], out var read, out var error))
            {
                given.Add(read!);
            }
            else
            {
                failures.Add(new BentoFailure(index, BentoValues.Text(items[index], "type"), error!));
            }
        }

        return await request.WriteAsync(async () =>
        {
            await WriteAsync(request, given, now);
            return Answer.Ok(new BentoCounts(given.Count, given.Count, failures.Count, failures));
        });
    }

    private static async Task WriteAsync(ApiRequest request, List<GivenEvent> given, DateTimeOffset now)
    {
        var known = await KnownPurchasesAsync(request, given);
        var changes = new SubscriberChanges(request.Service<SubscriberImport>(), request.Db, request.SiteId, now);
        var kept = new List<GivenEvent>(given.Count);
        foreach (var one in given)
        {
            if (one.Row.UniqueKey is { } key && !known.Add(key))
            {
                // Told twice: neither its money nor its fields count again.
                continue;
            }

            kept.Add(one);
            changes.Say(one.Person);
            if (one.Row.Type == EventTypes.Subscribe)
            {
                changes.Subscribe(one.Person);
            }
            else if (one.Row.Type == EventTypes.Unsubscribe)
            {
                changes.Unsubscribe(one.Person, one.Row.At);
            }
        }

        var ids = await changes.WriteAsync(request.Cancel);
        foreach (var (person, row) in kept)
        {
            row.SubscriberId = ids[Convert.ToHexString(person.Hash)];
            request.Db.Events.Add(row);
        }
    }

    private static async Task<HashSet<string>> KnownPurchasesAsync(ApiRequest request, List<GivenEvent> given)
    {
        var keys = given.Select(one => one.Row.UniqueKey).OfType<string>().Distinct().ToList();
        return keys.Count == 0
            ? []
            : (await request.Db.Events.Where(row => row.Type == EventTypes.Purchase && keys.Contains(row.UniqueKey!)).Select(row => row.UniqueKey!).ToListAsync(request.Cancel))
                .ToHashSet(StringComparer.Ordinal);
    }
}
