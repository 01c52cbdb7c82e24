using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Broadcasts;

/// <summary>Our routes for rehearsals and tests: both make messages by the path of the send, and neither is in a statistic.</summary>
internal static class RehearsalApi
{
    public static void MapRehearsals(this RouteGroupBuilder ours)
    {
        var group = ours.MapGroup("/broadcasts/{id}").WithTags("broadcasts");
        group.Map("POST", "/rehearsal", RunAsync).Describe(
            "Make every message of the real audience, send none, and answer what came of it; ends when the request is given up", typeof(RehearsalResult));
        group.Map("GET", "/rehearsal", ShowAsync).Describe("The rehearsal that runs now, or the last one of the broadcast as it is", typeof(RehearsalView));
        group.Map("DELETE", "/rehearsal", CancelAsync).Describe("End the rehearsal that runs", status: StatusCodes.Status204NoContent);
        group.Map("GET", "/preflight", PreflightAsync).Describe("What is to be known before it is approved: what blocks, what wants a person's tick, what is worth knowing", typeof(PreflightView));
        group.Map("POST", "/test", TestAsync).Describe("Send it to a few typed addresses as one person gets it", typeof(TestSendView), typeof(TestSendBody));
    }

    private static async Task<Answer> RunAsync(ApiRequest request)
    {
        if (request.BroadcastId is not { } id)
        {
            return NoSuchBroadcast(request);
        }

        try
        {
            return Answer.Ok(await request.Service<Rehearsals>().RunAsync(request.SiteId, id, request.Actor, request.Cancel));
        }
        catch (RehearsalRefusedException refused)
        {
            return refused.Code == "not_found" ? NoSuchBroadcast(request) : Answer.Problem(StatusCodes.Status409Conflict, refused.Code, refused.Message);
        }
        catch (OperationCanceledException) when (!request.Cancel.IsCancellationRequested)
        {
            return Answer.Problem(StatusCodes.Status409Conflict, "canceled", "The rehearsal was canceled.");
        }
    }

    private static async Task<Answer> ShowAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } broadcast)
        {
            return NoSuchBroadcast(request);
        }

        var rehearsals = request.Service<Rehearsals>();
        var manifest = Manifest.Of(broadcast, request.Site, await BroadcastActions.SegmentRuleOfAsync(request.Db, broadcast, request.Cancel)).ToText();
        return Answer.Ok(new RehearsalView(
            rehearsals.ProgressOf(broadcast.Id), await rehearsals.LastAsync(broadcast, Manifest.DigestOf(manifest), request.Cancel)));
    }

    /// <summary>Also where none runs: then it has ended already.</summary>
    private static async Task<Answer> CancelAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } broadcast)
        {
            return NoSuchBroadcast(request);
        }

        request.Service<Rehearsals>().Cancel(broadcast.Id);
        return Answer.NoContent();
    }

    private static async Task<Answer> TestAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } broadcast)
        {
            return NoSuchBroadcast(request);
        }

        if (!request.Actor.MayApprove)
        {
            return Answer.Problem(StatusCodes.Status403Forbidden, "may_not_approve", "This key may not approve, so it may not send tests either.");
        }

        var addresses = request.Field("addresses");
        var typed = addresses.ValueKind == System.Text.Json.JsonValueKind.Array
            ? addresses.EnumerateArray().Select(a => a.ToString()).ToList()
            : [.. TestSends.Addresses(addresses.ValueKind == System.Text.Json.JsonValueKind.String ? addresses.GetString()! : "")];
        var email = request.Field("as");
        var person = email.ValueKind == System.Text.Json.JsonValueKind.String
            ? await request.Service<PersonSearch>().FindAsync(request.SiteId, email.GetString()!, request.Cancel)
            : await FirstAsync(request, broadcast);
        if (person is not { } one)
        {
            return request.BadRequest("There is nobody as whom it could be made: give the address of a subscriber in \"as\".", "no_such_person");
        }

        var (results, problem) = await request.Service<TestSends>().SendAsync(request.SiteId, broadcast.Id, one, typed, request.Actor, request.Cancel);
        return problem is null ? Answer.Ok(new TestSendView(results)) : Answer.Problem(StatusCodes.Status409Conflict, "not_tested", problem);
    }

    private static async Task<Answer> PreflightAsync(ApiRequest request)
    {
        if (await FindAsync(request) is not { } broadcast)
        {
            return NoSuchBroadcast(request);
        }

        var report = await request.Service<Preflight>().CheckAsync(broadcast, request.Site, isDeep: true, request.Cancel);
        return Answer.Ok(new PreflightView(
            report.Digest, report.Count.Recipients, [.. report.Findings.Select(f => new PreflightLine(f.Code, Words.SnakeCase(f.Level.ToString()), f.Text))]));
    }

    private static async Task<SubscriberId?> FirstAsync(ApiRequest request, Broadcast broadcast)
    {
        var manifest = Manifest.Of(broadcast, request.Site, await BroadcastActions.SegmentRuleOfAsync(request.Db, broadcast, request.Cancel));
        var sample = await request.Service<Audiences>().SampleAsync(AudienceRule.Of(request.SiteId, manifest), default, 1, request.Cancel);
        return sample is [var first] ? first : null;
    }

    private static async Task<Broadcast?> FindAsync(ApiRequest request) =>
        request.BroadcastId is { } id ? await request.Db.Broadcasts.AsNoTracking().FirstOrDefaultAsync(b => b.Id == id, request.Cancel) : null;

    private static Answer NoSuchBroadcast(ApiRequest request) => request.NotFound(ActionResult.NotFound.Problem!);
}

/// <param name="Digest">Of what would be approved.</param>
/// <param name="Recipients">Whom it reaches now.</param>
/// <param name="Findings">Blockers first.</param>
internal sealed record PreflightView(string Digest, long Recipients, IReadOnlyList<PreflightLine> Findings);

/// <param name="Code">Stable.</param>
/// <param name="Level"><c>blocker</c>, <c>warning</c> or <c>note</c>.</param>
/// <param name="Text">One sentence.</param>
internal sealed record PreflightLine(string Code, string Level, string Text);

/// <summary>Either part may be null: nothing runs, or it was not rehearsed as it is now.</summary>
internal sealed record RehearsalView(RehearsalProgress? Running, RehearsalResult? Last);

/// <param name="Addresses">At most ten.</param>
/// <param name="As">The address of the subscriber whose message it is; the first recipient when absent.</param>
internal sealed record TestSendBody(IReadOnlyList<string> Addresses, string? As);

internal sealed record TestSendView(IReadOnlyList<TestSendResult> Data);
