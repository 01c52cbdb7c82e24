using System.Globalization;
using System.Text.Json.Nodes;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>Bento's routes for people, whom it calls visitors. An import takes effect at once and never lifts an unsubscription or a suppression.</summary>
internal static class BentoSubscribersApi
{
    public static void MapBentoSubscribers(this RouteGroupBuilder bento)
    {
        bento.Map("POST", "/batch/subscribers", ImportAsync);
        bento.Map("GET", "/fetch/subscribers", FindAsync);
        bento.Map("POST", "/fetch/subscribers", FindOrCreateAsync);
    }

    private static async Task<Answer> ImportAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadBatch(request, "subscribers", RequestLimits.MaxSubscribers, out var items, out var refusal))
        {
            return refusal!;
        }

        var reader = new SubscriberItemReader(request.Service<InstanceKey>());
        var records = new List<SubscriberRecord>(items.Count);
        var failures = new List<BentoFailure>();
        for (var index = 0; index < items.Count; index++)
        {
            if (reader.TryRead(items[index], out var record, out var error))
            {
                records.Add(record!);
            }
            else
            {
                failures.Add(new BentoFailure(index, null, error!));
            }
        }

        return await request.WriteAsync(async () =>
        {
            await WriteAsync(request, records);
            return Answer.Ok(new Imported(records.Count, records.Count, failures.Count, failures));
        });
    }

    /// <summary>By e-mail or by uuid; nobody found is an answer and no error.</summary>
    private static async Task<Answer> FindAsync(ApiRequest request)
    {
        var people = request.Db.Subscribers.AsNoTracking().Include(subscriber => subscriber.Address);
        Subscriber? found = null;
        if (request.Query("email") is { } email)
        {
            if (EmailAddress.TryParse(DecodeAgain(email), out var address, out _))
            {
                var hash = AddressHash.Of(request.Service<InstanceKey>(), address.Normalised);
                found = await people.Where(subscriber => subscriber.Address.Hash == hash).OrderBy(subscriber => subscriber.Id).FirstOrDefaultAsync(request.Cancel);
            }
        }
        else if (request.Query("uuid") is { } uuid)
        {
            var plain = uuid.Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
            found = await people.FirstOrDefaultAsync(subscriber => subscriber.Uuid == plain, request.Cancel);
        }

        return Answer.Ok(new BentoOne(found is null ? null : await RecordAsync(request, found)));
    }

    private static async Task<Answer> FindOrCreateAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadOne(request, "subscriber", out var item, out var refusal))
        {
            return refusal!;
        }

        if (!new SubscriberItemReader(request.Service<InstanceKey>()).TryRead(item, out var record, out var error))
        {
            return request.BadRequest(error!);
        }

        return await request.WriteAsync(async () =>
        {
            await WriteAsync(request, [record!]);
            var made = await request.Db.Subscribers.AsNoTracking().Include(subscriber => subscriber.Address)
                .Where(subscriber => subscriber.Address.Hash == record!.Hash).OrderBy(subscriber => subscriber.Id).FirstAsync(request.Cancel);
            return Answer.Ok(new BentoOne(await RecordAsync(request, made)));
        });
    }

    private static Task WriteAsync(ApiRequest request, IReadOnlyList<SubscriberRecord> records) =>
        request.Service<SubscriberImport>().ImportAsync(request.Db, request.SiteId, records, request.Service<TimeProvider>().GetUtcNow(), request.Cancel);

    /// <summary>One client encodes twice: what has no @ but an encoded one is decoded once more.</summary>
    private static string DecodeAgain(string email) =>
        !email.Contains('@', StringComparison.Ordinal) && email.Contains("%40", StringComparison.Ordinal) ? Uri.UnescapeDataString(email) : email;

    private static async Task<BentoRecord> RecordAsync(ApiRequest request, Subscriber subscriber)
    {
        var tagIds = await request.Db.TagIdsOfAsync(subscriber.Id, request.Cancel);
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

    private sealed record Imported(int Results, int Result, int Failed, IReadOnlyList<BentoFailure> Failures);

    private sealed record VisitorAttributes(
        string Uuid, string Email, JsonObject Fields, IReadOnlyList<string> CachedTagIds, DateTimeOffset? UnsubscribedAt, string NavigationUrl);
}
