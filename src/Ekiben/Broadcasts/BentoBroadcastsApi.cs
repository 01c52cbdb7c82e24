using System.Text.Json.Serialization;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Feedback;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>Bento's two routes for broadcasts. The answers are what clients of all ages read, at once (docs/api/bento.md).</summary>
internal static class BentoBroadcastsApi
{
    private const int DefaultPage = 25;
    private const int MaxPerPage = 100;

    /// <summary>Pages beyond are empty; the product with the page size must fit an integer.</summary>
    private const int MaxPage = 1_000_000;

    private static readonly string[] Statuses = ["sent", "draft", "sending", "scheduled", "paused", "canceled", "cancelled"];

    public static void MapBentoBroadcasts(this RouteGroupBuilder bento)
    {
        bento.Map("POST", "/batch/broadcasts", CreateAsync).WithTags("Bento: broadcasts")
            .Describe("Make broadcasts: drafts, or approved ones with send_at", typeof(CreatedBroadcasts), typeof(BroadcastsBody));
        bento.Map("GET", "/fetch/broadcasts", ListAsync).WithTags("Bento: broadcasts").Describe(
            "Broadcasts of one status, newest first", typeof(ListedBroadcasts),
            query: [QueryOf.Page, new("per_page", "1 to 100, 25 when absent") { Numbers = (1, MaxPerPage) }, new("status", "sent when absent") { OneOf = Statuses }]);
    }

    /// <summary>
    /// 1. Read and check every item. 2. Count whom the approved ones reach. 3. In one transaction: store, approve, keep the answer. 4. Wake the engine.
    /// An item that is refused does not stop the others.
    /// </summary>
    private static async Task<Answer> CreateAsync(ApiRequest request)
    {
        if (!BentoValues.TryReadBatch(request, "broadcasts", RequestLimits.MaxBroadcasts, out var items, out var refusal))
        {
            return refusal!;
        }

        var now = request.Service<TimeProvider>().GetUtcNow();
        var surroundings = await BroadcastSurroundings.OfAsync(request, items, now);
        var reader = new BroadcastItemReader(surroundings);
        var drafts = new List<BroadcastDraft>(items.Count);
        var failures = new List<BentoFailure>();
        for (var index = 0; index < items.Count; index++)
        {
            if (reader.TryRead(items[index], index, out var draft, out var error))
            {
                drafts.Add(draft!);
            }
            else
            {
                failures.Add(new BentoFailure(index, BentoValues.Text(items[index], "name"), error));
            }
        }

        await CountAsync(request, surroundings, drafts);
        var answer = await request.WriteAsync(async () =>
        {
            drafts = await RecognizeAsync(request, drafts, now);
            foreach (var draft in drafts.Where(draft => !draft.IsRepetition))
            {
                request.Db.Broadcasts.Add(draft.Broadcast);
            }

            await request.Db.SaveChangesAsync(request.Cancel);
            foreach (var draft in drafts.Where(draft => !draft.IsRepetition))
            {
                await ApproveAsync(request, draft);
            }

            return Created(request, drafts, failures);
        });
        request.WakeEngine();
        if (answer.Succeeded)
        {
            // An approver later sees how far each audience has moved since.
            foreach (var draft in drafts.Where(draft => !draft.IsRepetition && draft.Broadcast.Status == BroadcastStatus.Draft))
            {
                request.Service<AudienceWatch>().CountSoon(draft.Broadcast.Id);
            }
        }

        return answer;
    }

    /// <summary>Puts the broadcast that an earlier request made in the place of an item that repeats it. A client that sends keys says itself what is a repetition.</summary>
    private static async Task<List<BroadcastDraft>> RecognizeAsync(ApiRequest request, List<BroadcastDraft> drafts, DateTimeOffset now)
    {
        if (request.Idempotency is not null || !request.Actor.MayApprove || !request.Site.RecognizesRepetitions)
        {
            return drafts;
        }

        var repetitions = new Repetitions(request.Db, request.Actor.Name, now);
        var recognized = new List<BroadcastDraft>(drafts.Count);
        foreach (var draft in drafts)
        {
            var first = draft.Approve && draft.Broadcast.SendAt is not null ? await repetitions.FindAsync(draft.Broadcast, request.Cancel) : null;
            recognized.Add(first is null ? draft : new BroadcastDraft(draft.Index, first, draft.Approve)
            {
                IsRepetition = true,
                Notice = "the same was posted less than 10 minutes ago: this is that broadcast, and no second one was made",
            });
        }

        return recognized;
    }

    /// <summary>Before the transaction, and once for each rule: a count may take longer than others should wait.</summary>
    private static async Task CountAsync(ApiRequest request, BroadcastSurroundings surroundings, List<BroadcastDraft> drafts)
    {
        var counts = new Dictionary<(string, string, string), long>();
        foreach (var draft in drafts.Where(draft => draft.Approve && draft.Broadcast.SendAt is not null && request.Actor.MayApprove))
        {
            var broadcast = draft.Broadcast;
            var key = (broadcast.InclusiveTags, broadcast.ExclusiveTags, broadcast.SegmentId);
            if (!counts.TryGetValue(key, out var recipients))
            {
                var rule = new AudienceRule(
                    request.SiteId,
                    TagList.Parse(broadcast.InclusiveTags),
                    TagList.Parse(broadcast.ExclusiveTags),
                    broadcast.SegmentId.Length == 0 ? null : SegmentRule.Parse(surroundings.Segments[broadcast.SegmentId]));
                recipients = (await request.Service<Audiences>().CountAsync(rule, request.Cancel)).Recipients;
                counts.Add(key, recipients);
            }

            draft.CountedRecipients = recipients;
        }
    }

    /// <summary>ledger.md rule 7: without a time, or by a key that may not approve, it stays a draft and says why.</summary>
    private static async Task ApproveAsync(ApiRequest request, BroadcastDraft draft)
    {
        if (!draft.Approve)
        {
            return;
        }

        if (draft.Broadcast.SendAt is null)
        {
            draft.Notice = "approved needs send_at: this was stored as a draft, to be approved in the platform";
            return;
        }

        if (!request.Actor.MayApprove)
        {
            draft.Notice = "this key may not approve: this was stored as a draft, to be approved in the platform";
            return;
        }

        var result = await request.Service<BroadcastActions>().ApproveWithinAsync(
            request.Db, draft.Broadcast, request.Actor, request.Cancel, draft.CountedRecipients);
        draft.Notice = !result.Done ? result.Problem
            : draft.Broadcast.Status == BroadcastStatus.Draft ? "this many people need a second approval: it waits for a person in the platform"
            : draft.Broadcast.StatusReason ?? draft.Notice;
    }

    private static Answer Created(ApiRequest request, List<BroadcastDraft> drafts, List<BentoFailure> failures) => Answer.Ok(
        new CreatedBroadcasts(
            drafts.Count,
            failures.Count,
            [.. drafts.Select(draft => new CreatedBroadcast(
                draft.Broadcast.Id.Value,
                draft.Broadcast.Id.Value,
                draft.Broadcast.Name,
                DashboardUrl(request, draft.Broadcast),
                BentoStatus(draft.Broadcast),
                draft.Notice))],
            failures,
            [.. drafts.Select(draft => Record(request, draft.Broadcast, ReactionStats.None))]),
        keepUntil: drafts.Max(draft => draft.Broadcast.SendAt));

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        var page = request.Query("page", 1, 1, MaxPage);
        var perPage = request.Query("per_page", DefaultPage, 1, MaxPerPage);
        var matching = WithStatus(request.Db.Broadcasts.AsNoTracking(), request.Query("status"));
        var total = await matching.CountAsync(request.Cancel);
        var broadcasts = await matching
            .OrderByDescending(broadcast => broadcast.Id).Skip((page - 1) * perPage).Take(perPage)
            .ToListAsync(request.Cancel);
        var reactions = await ReactionStats.ReadAsync(request.Db, [.. broadcasts.Select(broadcast => broadcast.Id)], request.Cancel);
        return Answer.Ok(new ListedBroadcasts(
            [.. broadcasts.Select(broadcast => Record(request, broadcast, reactions.GetValueOrDefault(broadcast.Id, ReactionStats.None)))],
            [.. broadcasts.Select(Flat)],
            new ListMeta(page, perPage, broadcasts.Count, total)));
    }

    /// <summary>Held is a word Bento does not have: before the first message such a broadcast is scheduled for its clients, after it paused.</summary>
    private static IQueryable<Broadcast> WithStatus(IQueryable<Broadcast> all, string? status) => status?.ToLowerInvariant() switch
    {
        "draft" => all.Where(b => b.Status == BroadcastStatus.Draft),
        "sending" => all.Where(b => b.Status == BroadcastStatus.Sending),
        "scheduled" => all.Where(b => b.Status == BroadcastStatus.Scheduled || (b.Status == BroadcastStatus.Held && b.FrozenAt == null)),
        "paused" => all.Where(b => b.Status == BroadcastStatus.Paused || (b.Status == BroadcastStatus.Held && b.FrozenAt != null)),
        "canceled" or "cancelled" => all.Where(b => b.Status == BroadcastStatus.Canceled),
        _ => all.Where(b => b.Status == BroadcastStatus.Sent),
    };

    private static string BentoStatus(Broadcast broadcast) => broadcast.Status != BroadcastStatus.Held
        ? broadcast.Status.Word()
        : (broadcast.FrozenAt is null ? BroadcastStatus.Scheduled : BroadcastStatus.Paused).Word();

    private static string DashboardUrl(ApiRequest request, Broadcast broadcast) =>
        $"{request.Http.Request.Scheme}://{request.Http.Request.Host}/broadcasts/{broadcast.Id}";

    private static BentoRecord Record(ApiRequest request, Broadcast broadcast, ReactionStats reactions) => new(broadcast.Id.ToString(), "broadcasts", new BroadcastAttributes
    {
        Name = broadcast.Name,
        DashboardUrl = DashboardUrl(request, broadcast),
        Template = broadcast.Status == BroadcastStatus.Draft
            ? new BroadcastTemplate { TemplateId = broadcast.Id.Value }
            : new BroadcastTemplate { TemplateId = broadcast.Id.Value, Subject = broadcast.Subject, To = "{{ visitor.email }}", Html = broadcast.Content },
        CreatedAt = broadcast.CreatedAt,
        SendAt = broadcast.SendAt,
        SentFinalBatchAt = broadcast.Status == BroadcastStatus.Sent ? broadcast.FinishedAt : null,
        Stats = new BroadcastStats(
            reactions.OpenRate(broadcast.Recipients), broadcast.Recipients, reactions.Opens, reactions.Clicks, reactions.ByUrl),
        Subject = broadcast.Subject,
        Content = broadcast.Content,
        Type = broadcast.Type,
        From = new Sender(broadcast.FromName, broadcast.FromEmail),
        InclusiveTags = broadcast.InclusiveTags,
        ExclusiveTags = broadcast.ExclusiveTags,
        SegmentId = broadcast.SegmentId,
        BatchSizePerHour = broadcast.BatchSizePerHour,
        Status = BentoStatus(broadcast),
    });

    /// <summary>For clients with strict types: no null, and no type but these two.</summary>
    private static FlatBroadcast Flat(Broadcast broadcast) => new(
        broadcast.Name,
        broadcast.Subject,
        broadcast.Content,
        broadcast.Type is "plain" or "markdown" ? "plain" : "raw",
        new Sender(broadcast.FromName, broadcast.FromEmail),
        broadcast.InclusiveTags,
        broadcast.ExclusiveTags,
        broadcast.SegmentId,
        broadcast.BatchSizePerHour ?? 0);

    private sealed record CreatedBroadcasts(
        int Results, int Failed, IReadOnlyList<CreatedBroadcast> Broadcasts, IReadOnlyList<BentoFailure> Failures, IReadOnlyList<BentoRecord> Data);

    private sealed record CreatedBroadcast(
        long Id, long TemplateId, string Name, string DashboardUrl, string Status,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Notice);

    private sealed record ListedBroadcasts(IReadOnlyList<BentoRecord> Data, IReadOnlyList<FlatBroadcast> Broadcasts, ListMeta Meta);

    private sealed record ListMeta(int Page, int PerPage, int Count, int Total);

    private sealed record Sender(string Name, string Email);

    private sealed record BroadcastStats(double OpenRate, long Recipients, long TotalOpens, long TotalClicks, IReadOnlyList<UrlClicks> ClickBreakdown);

    private sealed record FlatBroadcast(
        string Name, string Subject, string Content, string Type, Sender From, string InclusiveTags, string ExclusiveTags, string SegmentId, int BatchSizePerHour);

    /// <summary>Of a draft's template only the id is shown.</summary>
    private sealed record BroadcastTemplate
    {
        public required long TemplateId { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Subject { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? To { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? Html { get; init; }
    }

    private sealed record BroadcastAttributes
    {
        public required string Name { get; init; }

        /// <summary>There is no public page of a broadcast, and no invented address for one.</summary>
        public string? ShareUrl => null;

        public required string DashboardUrl { get; init; }

        public required BroadcastTemplate Template { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        public required DateTimeOffset? SendAt { get; init; }

        public required DateTimeOffset? SentFinalBatchAt { get; init; }

        public required BroadcastStats Stats { get; init; }

        public required string Subject { get; init; }

        public required string Content { get; init; }

        public required string Type { get; init; }

        public required Sender From { get; init; }

        public required string InclusiveTags { get; init; }

        public required string ExclusiveTags { get; init; }

        public required string SegmentId { get; init; }

        public required int? BatchSizePerHour { get; init; }

        public required string Status { get; init; }
    }
}
