using System.Globalization;
using System.Text.Json;
using Ekiben.Segments;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>Our routes for broadcasts: what stands, who is meant, and the actions as nouns. Drafts are made by Bento's batch route.</summary>
internal static class BroadcastsApi
{
    private const int DefaultPage = 25;
    private const int MaxPage = 100;

    private static readonly QueryOf Cursor = new("cursor", "next_cursor of the page before");

    private delegate Task<UncertainDecision> Decide(SiteId site, BroadcastId id, UncertainWho who, Accounts.Actor actor, CancellationToken cancel);

    private delegate Task<ActionResult> Act(SiteId site, BroadcastId id, Accounts.Actor actor, CancellationToken cancel);

    public static void MapBroadcasts(this RouteGroupBuilder ours)
    {
        var group = ours.MapGroup("/broadcasts").WithTags("broadcasts");
        group.Map("GET", "", ListAsync).Describe("Broadcasts, newest first", typeof(BroadcastPage), query: [new("status", "one status; all when absent"), Cursor, new("limit", "1 to 100")]);
        group.Map("GET", "/{id}", ShowAsync).Describe("One broadcast", typeof(BroadcastView));
        group.Map("PATCH", "/{id}", ChangeRateAsync).Describe(
            "Change the rate, also while it is being sent", typeof(BroadcastView), typeof(RateBody));
        group.Map("POST", "/{id}/approval", request => ActAsync(request, request.Service<BroadcastActions>().ApproveAsync))
            .Describe("Approve: it goes out at send_at, or at once", typeof(BroadcastView));
        group.Map("DELETE", "/{id}/approval", request => ActAsync(request, request.Service<BroadcastActions>().RevokeAsync))
            .Describe("Take the approval back, before sending starts", typeof(BroadcastView));
        group.Map("POST", "/{id}/pause", request => ActAsync(request, request.Service<BroadcastActions>().PauseAsync))
            .Describe("Pause", typeof(BroadcastView));
        group.Map("POST", "/{id}/resume", request => ActAsync(request, request.Service<BroadcastActions>().ResumeAsync))
            .Describe("Go on after a pause, or release a hold", typeof(BroadcastView));
        group.Map("POST", "/{id}/cancellation", request => ActAsync(request, request.Service<BroadcastActions>().CancelAsync))
            .Describe("Cancel for good", typeof(BroadcastView));
        group.Map("GET", "/{id}/receipt", ReceiptAsync).Describe("The closed account of every person matched", typeof(Receipt));
        group.Map("GET", "/{id}/recipients", RecipientsAsync).Describe(
            "The recipients behind the numbers", typeof(RecipientPage),
            query: [new("state", "one state; all when absent"), new("was", "uncertain: those that ever were"), Cursor, new("limit", "1 to 1000")]);
        group.Map("GET", "/{id}/left-out", LeftOutAsync).Describe(
            "Matched people who are no recipients, and why", typeof(LeftOutPage),
            query: [new("reason", "excluded, unsubscribed, suppressed or duplicate"), Cursor, new("limit", "1 to 1000")]);
        group.Map("GET", "/{id}/report", ReportAsync).Describe("What people did with it: opens, clicks, links and unsubscribes, by hour, by way and beside the five before it", typeof(BroadcastReport),
            query: [new("include", "domains: also the figures of the 20 largest domains and of all others, for which every recipient is read")]);
        group.Map("GET", "/{id}/why", WhyAsync).Describe(
            "Why somebody got it or not", typeof(WhyAnswer), query: [new("email", "the person's address")]);
        group.Map("POST", "/{id}/resends", ResendAsync).Describe(
            "A new draft from an ended broadcast, for those it did not reach, who did not open it or who are uncertain", typeof(BroadcastView), typeof(ResendBody), StatusCodes.Status201Created);
        group.Map("POST", "/{id}/second-tries", request => DecideAsync(request, request.Service<UncertainDecisions>().SendAgainAsync)).Describe(
            "Send uncertain messages once more, the one second try that there is: of one recipient, or of all that are not treated as sent", typeof(UncertainDecisionView), typeof(UncertainDecisionBody));
        group.Map("POST", "/{id}/treated-as-sent", request => DecideAsync(request, request.Service<UncertainDecisions>().TreatAsSentAsync)).Describe(
            "Note that uncertain messages are taken for sent: of one recipient, or of all", typeof(UncertainDecisionView), typeof(UncertainDecisionBody));
        group.Map("GET", "/{id}/audience", AudienceAsync).Describe("Whom its rule reaches now, and what is odd about it", typeof(AudienceView));
    }

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        var broadcasts = request.Db.Broadcasts.AsNoTracking();
        if (request.Query("status") is { } word)
        {
            if (Enum.GetValues<BroadcastStatus>().Where(status => status.Word() == word).Cast<BroadcastStatus?>().FirstOrDefault() is not { } status)
            {
                return request.BadRequest($"status must be one of {string.Join(", ", Enum.GetValues<BroadcastStatus>().Select(s => s.Word()))}.", "unknown_status");
            }

            broadcasts = broadcasts.Where(broadcast => broadcast.Status == status);
        }

        if (!TryReadCursor(request, out var cursor, out var refusal))
        {
            return refusal!;
        }

        if (cursor is not null)
        {
            var last = new BroadcastId(long.Parse(cursor, CultureInfo.InvariantCulture));
            broadcasts = broadcasts.Where(broadcast => broadcast.Id < last);
        }

        var limit = request.Query("limit", DefaultPage, 1, MaxPage);
        var page = await broadcasts.OrderByDescending(broadcast => broadcast.Id).Take(limit + 1).ToListAsync(request.Cancel);
        var more = page.Count > limit;
        return Answer.Ok(new BroadcastPage(
            [.. page.Take(limit).Select(broadcast => BroadcastView.Of(broadcast, null))],
            more ? page[limit - 1].Id.ToString() : null));
    }

    private static Task<Answer> ShowAsync(ApiRequest request) => WithBroadcastAsync(request, broadcast => ViewAsync(request, broadcast));

    /// <summary>Everything else of a broadcast is bound by its approval and changes only as a draft.</summary>
    private static async Task<Answer> ChangeRateAsync(ApiRequest request)
    {
        if (request.Body.Json is not { ValueKind: JsonValueKind.Object } body)
        {
            return request.BadRequest("The body must be an object.");
        }

        foreach (var field in body.EnumerateObject())
        {
            if (field.Name != "batch_size_per_hour")
            {
                return request.BadRequest($"{field.Name} cannot be changed here: only batch_size_per_hour can.", "unknown_field");
            }
        }

        var rate = request.Field("batch_size_per_hour");
        var perHour = 0;
        if (rate.ValueKind != JsonValueKind.Null && !(rate.ValueKind == JsonValueKind.Number && rate.TryGetInt32(out perHour)))
        {
            return request.BadRequest("batch_size_per_hour must be a whole number, or null for no limit.", "bad_rate");
        }

        return await ActAsync(request, (site, id, actor, cancel) =>
            request.Service<BroadcastActions>().ChangeRateAsync(site, id, rate.ValueKind == JsonValueKind.Null ? null : perHour, actor, cancel));
    }

    private static async Task<Answer> ActAsync(ApiRequest request, Act act)
    {
        if (request.BroadcastId is not { } id)
        {
            return NoSuchBroadcast(request);
        }

        var result = await act(request.SiteId, id, request.Actor, request.Cancel);
        return result.Code switch
        {
            null => await ShowAsync(request),
            "not_found" => NoSuchBroadcast(request),
            "bad_rate" => request.BadRequest(result.Problem!, result.Code),
            "may_not_approve" or "keys_may_not_approve" or "too_many_for_a_key" or "author_approves" => Answer.Problem(StatusCodes.Status403Forbidden, result.Code, result.Problem!),
            _ => Answer.Problem(StatusCodes.Status409Conflict, result.Code, result.Problem!),
        };
    }

    private static Task<Answer> ReceiptAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast =>
        Answer.Ok(await request.Service<Receipts>().ReadAsync(broadcast, request.Cancel)));

    private static Task<Answer> RecipientsAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast =>
    {
        if (!TryReadWord<RecipientState>(request, "state", out var state, out var refusal))
        {
            return refusal!;
        }

        var was = request.Query("was");
        if (was is not (null or "uncertain"))
        {
            return request.BadRequest("was must be uncertain.", "unknown_state");
        }

        if (!TryReadCursor(request, out var cursor, out refusal))
        {
            return refusal!;
        }

        var limit = request.Query("limit", Receipts.DefaultPage, 1, Receipts.MaxPage);
        return Answer.Ok(await request.Service<Receipts>().ListAsync(broadcast, state, was is not null, cursor, limit, request.Cancel));
    });

    private static Task<Answer> LeftOutAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast =>
    {
        if (!TryReadWord<LeftOutReason>(request, "reason", out var reason, out var refusal))
        {
            return refusal!;
        }

        if (!TryReadCursor(request, out var cursor, out refusal))
        {
            return refusal!;
        }

        var limit = request.Query("limit", Receipts.DefaultPage, 1, Receipts.MaxPage);
        return Answer.Ok(await request.Service<Receipts>().ListLeftOutAsync(broadcast.Id, reason, cursor, limit, request.Cancel));
    });

    private static Task<Answer> ReportAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast =>
        request.Query("include") is not (null or "domains")
            ? request.BadRequest("include must be domains.", "bad_include")
            : Answer.Ok(await request.Service<BroadcastReports>().ReadWholeAsync(broadcast, request.Query("include") is not null, request.Cancel)));

    private static Task<Answer> WhyAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast => request.Query("email") is { Length: > 0 } email
        ? Answer.Ok(await request.Service<Why>().AskAsync(broadcast, email, request.Cancel))
        : request.BadRequest("email is missing: say of whom it is asked.", "missing_email"));

    private static Task<Answer> ResendAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast =>
    {
        var word = request.Field("to") is { ValueKind: JsonValueKind.String } given ? given.GetString() : null;
        if (Enum.GetValues<ResendGroup>().Where(known => Words.SnakeCase(known.ToString()) == word).Cast<ResendGroup?>().FirstOrDefault() is not { } group)
        {
            return request.BadRequest($"to must be one of {string.Join(", ", Enum.GetValues<ResendGroup>().Select(known => Words.SnakeCase(known.ToString())))}.", "unknown_group");
        }

        var resend = await request.Service<Resends>().DraftAsync(request.SiteId, broadcast.Id, group, request.Actor, request.Cancel);
        return resend.Draft is { } draft
            ? Answer.Created(BroadcastView.Of(draft, null) with { Content = draft.Content, LayoutId = draft.LayoutId })
            : Answer.Problem(StatusCodes.Status409Conflict, resend.Result.Code!, resend.Result.Problem!);
    });

    private static Task<Answer> DecideAsync(ApiRequest request, Decide decide) => WithBroadcastAsync(request, async broadcast =>
    {
        var email = request.Field("email") is { ValueKind: JsonValueKind.String } address ? address.GetString() : null;
        var all = request.Field("all").ValueKind is JsonValueKind.True;
        if (all == email is { Length: > 0 })
        {
            return request.BadRequest("Say either whose message it is, as email, or all: true.", "unknown_recipient");
        }

        var count = request.Field("count");
        long expected = 0;
        if (count.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null) && !(count.ValueKind is JsonValueKind.Number && count.TryGetInt64(out expected)))
        {
            return request.BadRequest("count must be a whole number.", "bad_count");
        }

        var decision = await decide(request.SiteId, broadcast.Id, new UncertainWho(all ? null : email, count.ValueKind is JsonValueKind.Number ? expected : null), request.Actor, request.Cancel);
        return decision.Result.Code switch
        {
            null => Answer.Ok(new UncertainDecisionView(broadcast.Id.ToString(), decision.Recipients)),
            "not_found" => NoSuchBroadcast(request),
            "may_not_approve" => Answer.Problem(StatusCodes.Status403Forbidden, decision.Result.Code, decision.Result.Problem!),
            var code => Answer.Problem(StatusCodes.Status409Conflict, code, decision.Result.Problem!),
        };
    });

    private static Task<Answer> AudienceAsync(ApiRequest request) => WithBroadcastAsync(request, async broadcast =>
    {
        var rule = await BroadcastActions.SegmentRuleOfAsync(request.Db, broadcast, request.Cancel);
        var audience = new AudienceRule(
            request.SiteId, TagList.Parse(broadcast.InclusiveTags), TagList.Parse(broadcast.ExclusiveTags), rule is null ? null : SegmentRule.Parse(rule));
        var audiences = request.Service<Audiences>();
        var findings = new List<Finding>();
        foreach (var tag in await audiences.UnknownTagsAsync(request.SiteId, audience.InclusiveTags, request.Cancel))
        {
            findings.Add(new Finding("unknown_inclusive_tag", tag, $"No tag of this site is called {tag}: it matches nobody."));
        }

        foreach (var tag in await audiences.UnknownTagsAsync(request.SiteId, audience.ExclusiveTags, request.Cancel))
        {
            findings.Add(new Finding("unknown_exclusive_tag", tag, $"No tag of this site is called {tag}: it excludes nobody."));
        }

        if (broadcast.SegmentId.Length > 0 && rule is null)
        {
            findings.Add(new Finding("unknown_segment", broadcast.SegmentId, "The segment is gone: these figures are without it, and the broadcast cannot be approved."));
        }

        var count = await audiences.CountAsync(audience, request.Cancel);
        return Answer.Ok(new AudienceView(
            count.Matched, count.Excluded, count.Unsubscribed, count.Suppressed, count.Duplicates, count.Recipients, findings));
    });

    /// <summary>A broadcast of another site is as absent as one that never was.</summary>
    private static async Task<Answer> WithBroadcastAsync(ApiRequest request, Func<Broadcast, Task<Answer>> answer)
    {
        if (request.BroadcastId is not { } id)
        {
            return NoSuchBroadcast(request);
        }

        var broadcast = await request.Db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, request.Cancel);
        return broadcast is null ? NoSuchBroadcast(request) : await answer(broadcast);
    }

    private static async Task<Answer> ViewAsync(ApiRequest request, Broadcast broadcast)
    {
        var approval = await request.Db.Approvals.AsNoTracking().Where(a => a.BroadcastId == broadcast.Id && a.RevokedAt == null)
            .OrderByDescending(a => a.Id).FirstOrDefaultAsync(request.Cancel);
        return Answer.Ok(BroadcastView.Of(broadcast, approval) with
        {
            Content = broadcast.Content,
            LayoutId = broadcast.LayoutId,
            Forecast = broadcast.Status == BroadcastStatus.Sending
                ? await request.Service<Receipts>().ForecastAsync(broadcast, request.Service<TimeProvider>().GetUtcNow(), request.Cancel)
                : null,
        });
    }

    private static Answer NoSuchBroadcast(ApiRequest request) => request.NotFound(ActionResult.NotFound.Problem!);

    /// <summary>Every cursor of ours is the last id of a page.</summary>
    private static bool TryReadCursor(ApiRequest request, out string? cursor, out Answer? refusal)
    {
        cursor = request.Query("cursor");
        refusal = cursor is null || long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? null
            : request.BadRequest("cursor is not one of ours.", "unknown_cursor");
        return refusal is null;
    }

    private static bool TryReadWord<T>(ApiRequest request, string name, out T? value, out Answer? refusal) where T : struct, Enum
    {
        (value, refusal) = (null, null);
        if (request.Query(name) is not { } word)
        {
            return true;
        }

        value = Enum.GetValues<T>().Where(known => Words.SnakeCase(known.ToString()) == word).Cast<T?>().FirstOrDefault();
        if (value is null)
        {
            refusal = request.BadRequest($"{name} must be one of {string.Join(", ", Enum.GetValues<T>().Select(known => Words.SnakeCase(known.ToString())))}.", $"unknown_{name}");
        }

        return value is not null;
    }
}

/// <summary>A broadcast as our API shows it. <c>content</c>, <c>layout_id</c>, <c>approval</c> and <c>forecast</c> are filled where one is asked for.</summary>
internal sealed record BroadcastView
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string Subject { get; init; }

    public string? PreviewText { get; init; }

    public required string Type { get; init; }

    public required string FromEmail { get; init; }

    public required string FromName { get; init; }

    public required IReadOnlyList<string> InclusiveTags { get; init; }

    public required IReadOnlyList<string> ExclusiveTags { get; init; }

    public required string? SegmentId { get; init; }

    /// <summary>Null = as fast as the relay takes.</summary>
    public required int? BatchSizePerHour { get; init; }

    public required DateTimeOffset? SendAt { get; init; }

    public required string UncertainPolicy { get; init; }

    public required string Status { get; init; }

    /// <summary>Why it is held, or closed without sending.</summary>
    public required string? StatusReason { get; init; }

    public required string CreatedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? StartedAt { get; init; }

    public required DateTimeOffset? FrozenAt { get; init; }

    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>0 until the audience is frozen.</summary>
    public required long Recipients { get; init; }

    public ApprovalView? Approval { get; init; }

    /// <summary>While it is being sent.</summary>
    public Forecast? Forecast { get; init; }

    public string? Content { get; init; }

    public string? LayoutId { get; init; }

    public static BroadcastView Of(Broadcast broadcast, Approval? approval) => new()
    {
        Id = broadcast.Id.ToString(),
        Name = broadcast.Name,
        Subject = broadcast.Subject,
        PreviewText = broadcast.PreviewText,
        Type = broadcast.Type,
        FromEmail = broadcast.FromEmail,
        FromName = broadcast.FromName,
        InclusiveTags = TagList.Parse(broadcast.InclusiveTags),
        ExclusiveTags = TagList.Parse(broadcast.ExclusiveTags),
        SegmentId = broadcast.SegmentId.Length == 0 ? null : broadcast.SegmentId,
        BatchSizePerHour = broadcast.BatchSizePerHour,
        SendAt = broadcast.SendAt,
        UncertainPolicy = Words.SnakeCase(broadcast.UncertainPolicy.ToString()),
        Status = broadcast.Status.Word(),
        StatusReason = broadcast.StatusReason,
        CreatedBy = broadcast.CreatedBy,
        CreatedAt = broadcast.CreatedAt,
        StartedAt = broadcast.StartedAt,
        FrozenAt = broadcast.FrozenAt,
        FinishedAt = broadcast.FinishedAt,
        Recipients = broadcast.Recipients,
        Approval = approval is null ? null : new ApprovalView(approval.ApprovedBy, approval.ApprovedAt, approval.EffectiveAt, approval.CountedRecipients),
    };
}

/// <summary>The new rate; null = as fast as the relay takes.</summary>
internal sealed record RateBody(int? BatchSizePerHour);

/// <summary>Whose word it goes out on; it starts at the later of <c>effective_at</c> and the broadcast's <c>send_at</c>.</summary>
internal sealed record ApprovalView(string ApprovedBy, DateTimeOffset ApprovedAt, DateTimeOffset EffectiveAt, long CountedRecipients);

internal sealed record BroadcastPage(IReadOnlyList<BroadcastView> Data, string? NextCursor);

/// <summary>Whom a rule reaches: matched = the four left out + recipients.</summary>
internal sealed record AudienceView(
    long Matched, long Excluded, long Unsubscribed, long Suppressed, long DuplicateAddresses, long Recipients, IReadOnlyList<Finding> Findings);

/// <summary>Something about a rule that its author may not have meant.</summary>
internal sealed record Finding(string Code, string Subject, string Message);

/// <summary>The body of <c>POST /broadcasts/{id}/resends</c>.</summary>
/// <param name="To"><c>not_reached</c>, <c>not_opened</c> or <c>uncertain</c>.</param>
internal sealed record ResendBody(string To);

/// <summary>The body of <c>POST /broadcasts/{id}/second-tries</c> and <c>…/treated-as-sent</c>: <c>email</c> or <c>all</c>.</summary>
/// <param name="Email">Whose message it is.</param>
/// <param name="All">True for every recipient that it can be about.</param>
/// <param name="Count">How many were seen; another number by now is refused. Null = however many.</param>
internal sealed record UncertainDecisionBody(string? Email, bool? All, long? Count);

/// <summary>For how many recipients it was done.</summary>
internal sealed record UncertainDecisionView(string BroadcastId, long Recipients);
