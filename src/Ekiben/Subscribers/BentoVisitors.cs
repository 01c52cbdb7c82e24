using System.Globalization;
using System.Text.Json.Nodes;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>People as Bento writes them, which calls them visitors.</summary>
internal static class BentoVisitors
{
    /// <summary>By e-mail, else by uuid; null when there is nobody.</summary>
    public static async Task<Subscriber?> FindAsync(ApiRequest request, string? email, string? uuid)
    {
        var people = request.Db.Subscribers.AsNoTracking().Include(subscriber => subscriber.Address);
        if (email is not null)
        {
            if (!EmailAddress.TryParse(BentoValues.DecodeAgain(email), out var address, out _))
            {
                return null;
            }

            var hash = AddressHash.Of(request.Service<InstanceKey>(), address.Normalised);
            return await people.Where(subscriber => subscriber.Address.Hash == hash).OrderBy(subscriber => subscriber.Id).FirstOrDefaultAsync(request.Cancel);
        }

        var plain = uuid?.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
        return plain is null ? null : await people.FirstOrDefaultAsync(subscriber => subscriber.Uuid == plain, request.Cancel);
    }

    public static async Task<BentoRecord> RecordAsync(ApiRequest request, Subscriber subscriber) => (await RecordsAsync(request, [subscriber]))[0];

    /// <summary>In their order, with one look for all their tags.</summary>
    public static async Task<IReadOnlyList<BentoRecord>> RecordsAsync(ApiRequest request, IReadOnlyList<Subscriber> subscribers)
    {
        var ids = subscribers.Select(subscriber => subscriber.Id).ToList();
        var carried = await (
            from carries in request.Db.SubscriberTags
            join tag in request.Db.Tags on carries.TagId equals tag.Id
            where ids.Contains(carries.SubscriberId) && tag.DiscardedAt == null
            orderby tag.Id
            select carries).AsNoTracking().ToListAsync(request.Cancel);
        var tags = carried.ToLookup(carries => carries.SubscriberId, carries => carries.TagId);
        return [.. subscribers.Select(subscriber => Record(request, subscriber, tags[subscriber.Id]))];
    }

    private static BentoRecord Record(ApiRequest request, Subscriber subscriber, IEnumerable<long> tagIds)
    {
        var fields = JsonNode.Parse(subscriber.Fields)!.AsObject();
        if (subscriber.FirstName is { } first)
        {
            fields["first_name"] = first;
        }

        if (subscriber.LastName is { } last)
        {
            fields["last_name"] = last;
        }

        return new BentoRecord(subscriber.Id.ToString(), "visitors", new VisitorAttributes(
            subscriber.Uuid,
            subscriber.Address.Written,
            fields,
            [.. tagIds.Select(id => id.ToString(CultureInfo.InvariantCulture))],
            subscriber.UnsubscribedAt,
            $"{request.Http.Request.Scheme}://{request.Http.Request.Host}/subscribers/{subscriber.Uuid}"));
    }

    private sealed record VisitorAttributes(
        string Uuid, string Email, JsonObject Fields, IReadOnlyList<string> CachedTagIds, DateTimeOffset? UnsubscribedAt, string NavigationUrl);
}
