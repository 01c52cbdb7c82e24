using System.Text.Json;
using Ekiben.Sites;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>One item of a create request, read and checked: a broadcast to store, and whether it is to be approved at once.</summary>
/// <param name="Index">Its place in the request, from 0.</param>
/// <param name="Broadcast">Not yet stored.</param>
/// <param name="Approve">The client asked for it to go out at its time.</param>
internal sealed record BroadcastDraft(int Index, Broadcast Broadcast, bool Approve)
{
    /// <summary>What the client should know, though the item was taken; null when nothing.</summary>
    public string? Notice { get; set; }

    /// <summary>It was stored by an earlier request, which this one repeats.</summary>
    public bool IsRepetition { get; init; }

    /// <summary>How many people it reaches, counted before the transaction of the approval; null when it is not to be approved.</summary>
    public long? CountedRecipients { get; set; }
}

/// <summary>
/// What the site has that items may name, read once a request: authors by id, of which the first is the default sender; the layouts' HTML
/// and the segments' rules by public id, as far as the request names them.
/// </summary>
internal sealed record BroadcastSurroundings(
    Site Site, string CreatedBy, DateTimeOffset Now, IReadOnlyList<Author> Authors, IReadOnlyDictionary<string, string> Layouts, IReadOnlyDictionary<string, string> Segments)
{
    public TimeZoneInfo TimeZone { get; } =
        TimeZoneInfo.TryFindSystemTimeZoneById(Site.TimeZone, out var zone) ? zone : TimeZoneInfo.Utc;

    public static async Task<BroadcastSurroundings> OfAsync(ApiRequest request, IReadOnlyList<JsonElement> items, DateTimeOffset now)
    {
        var (layoutIds, segmentIds) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var (layoutId, segmentId) in items.Select(BroadcastItemReader.Named))
        {
            layoutIds.Add(layoutId ?? "");
            segmentIds.Add(segmentId ?? "");
        }

        return await OfAsync(request.Db, request.Site, request.Actor.Name, (layoutIds, segmentIds), now, request.Cancel);
    }

    /// <summary>The same where no request is: for a page, with the public ids that its one item names.</summary>
    public static async Task<BroadcastSurroundings> OfAsync(
        Db db, Site site, string createdBy, (HashSet<string> Layouts, HashSet<string> Segments) named, DateTimeOffset now, CancellationToken cancel) => new(
            site,
            createdBy,
            now,
            await db.Authors.AsNoTracking().OrderBy(author => author.Id).ToListAsync(cancel),
            await db.Layouts.Where(layout => named.Layouts.Contains(layout.PublicId)).ToDictionaryAsync(layout => layout.PublicId, layout => layout.Html, cancel),
            await db.Segments.Where(segment => named.Segments.Contains(segment.PublicId)).ToDictionaryAsync(segment => segment.PublicId, segment => segment.Rule, cancel));
}
