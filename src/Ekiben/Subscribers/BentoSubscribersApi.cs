using Ekiben.Broadcasts;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>Bento's routes for people, whom it calls visitors. An import takes effect at once and never lifts an unsubscription or a suppression.</summary>
internal static class BentoSubscribersApi
{
    public static void MapBentoSubscribers(this RouteGroupBuilder bento)
    {
        bento.Map("POST", "/batch/subscribers", ImportAsync).WithTags("Bento: people")
            .Describe("Make or change people", typeof(BentoCounts), typeof(SubscribersBody));
        bento.Map("GET", "/fetch/subscribers", FindAsync).WithTags("Bento: people")
            .Describe("One person; data is null when there is nobody", typeof(BentoOne), query: [new("email", "their address"), new("uuid", "or their uuid")]);
        bento.Map("POST", "/fetch/subscribers", FindOrCreateAsync).WithTags("Bento: people")
            .Describe("Find a person or make one", typeof(BentoOne), typeof(OneSubscriberBody));
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
            return Answer.Ok(new BentoCounts(records.Count, records.Count, failures.Count, failures));
        });
    }

    /// <summary>By e-mail or by uuid; nobody found is an answer and no error.</summary>
    private static async Task<Answer> FindAsync(ApiRequest request)
    {
        var found = await BentoVisitors.FindAsync(request, request.Query("email"), request.Query("uuid"));
        return Answer.Ok(new BentoOne(found is null ? null : await BentoVisitors.RecordAsync(request, found)));
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
            return Answer.Ok(new BentoOne(await BentoVisitors.RecordAsync(request, made)));
        });
    }

    private static Task WriteAsync(ApiRequest request, IReadOnlyList<SubscriberRecord> records) =>
        request.Service<SubscriberImport>().ImportAsync(request.Db, request.SiteId, records, request.Service<TimeProvider>().GetUtcNow(), request.Cancel);
}
