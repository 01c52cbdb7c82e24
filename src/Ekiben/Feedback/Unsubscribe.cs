using Ekiben.Feedback.Pages;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Feedback;

/// <summary>
/// A person asks for no more mail. The link stands in every broadcast message, in the body and in List-Unsubscribe.
/// GET only shows a page with one button, because scanners fetch links; POST acts at once, without log-in, cookie or redirect
/// (RFC 8058 §3.1 and §3.2), and the same again is fine. It reaches every message that is not yet on the wire.
/// </summary>
internal static class Unsubscribe
{
    /// <summary>No script, nothing from elsewhere; the one form posts to this page.</summary>
    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    public static void MapUnsubscribe(this IEndpointRouteBuilder app)
    {
        var pages = app.MapGroup("/u").AllowAnonymous().DisableAntiforgery().AddEndpointFilter((context, next) =>
        {
            context.HttpContext.Response.Headers.ContentSecurityPolicy = Policy;
            context.HttpContext.Response.Headers["Referrer-Policy"] = "no-referrer";
            return next(context);
        });
        pages.MapGet("/{token}", ShowAsync);
        pages.MapPost("/{token}", ActAsync);
    }

    private static async Task<Results<RazorComponentResult<UnsubscribePage>, RazorComponentResult<LinkUnknownPage>>> ShowAsync(
        string token, PublicLinks links, Database database, HttpContext http, CancellationToken cancel)
    {
        if (await FindAsync(token, links, database, cancel) is not { } found)
        {
            return Unknown(http);
        }

        return new RazorComponentResult<UnsubscribePage>(new { SiteName = found.Site, Done = found.AlreadyDone });
    }

    private static async Task<Results<RazorComponentResult<UnsubscribePage>, RazorComponentResult<LinkUnknownPage>, ContentHttpResult>> ActAsync(
        string token, PublicLinks links, Database database, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (await FindAsync(token, links, database, cancel) is not { } found)
        {
            return Unknown(http);
        }

        var isOneClick = await IsOneClickAsync(http, cancel);
        await using (var db = database.OpenEverySite())
        {
            await using var write = await database.BeginWriteAsync(db, cancel);
            var now = clock.GetUtcNow();
            var left = await db.Subscribers.Where(s => s.Id == found.Subscriber && s.UnsubscribedAt == null)
                .ExecuteUpdateAsync(set => set.SetProperty(s => s.UnsubscribedAt, now).SetProperty(s => s.UpdatedAt, now), cancel);
            if (left == 1)
            {
                db.Reactions.Add(new Reaction
                {
                    SiteId = found.SiteId,
                    BroadcastId = found.Broadcast,
                    SubscriberId = found.Subscriber,
                    Kind = ReactionKind.Unsubscribe,
                    Way = isOneClick ? UnsubscribeWay.OneClick : UnsubscribeWay.Page,
                    At = now,
                });
                await db.SaveChangesAsync(cancel);
            }

            await write.CommitAsync(cancel);
        }

        // A mail client's one click reads no page (RFC 8058 §3.2); a person who pressed the button does.
        return isOneClick
            ? TypedResults.Text("You are unsubscribed.\n")
            : new RazorComponentResult<UnsubscribePage>(new { SiteName = found.Site, Done = true });
    }

    private static async Task<Found?> FindAsync(string token, PublicLinks links, Database database, CancellationToken cancel)
    {
        if (!links.TryRead(token, out var broadcast, out var subscriber))
        {
            return null;
        }

        await using var db = database.OpenEverySite();
        return await (
            from b in db.Broadcasts.IgnoreQueryFilters()
            join site in db.Sites on b.SiteId equals site.Id
            join person in db.Subscribers on site.Id equals person.SiteId
            where b.Id == broadcast && person.Id == subscriber
            select new Found(site.Name, site.Id, b.Id, person.Id, person.UnsubscribedAt != null)).FirstOrDefaultAsync(cancel);
    }

    private static async Task<bool> IsOneClickAsync(HttpContext http, CancellationToken cancel) =>
        http.Request.HasFormContentType
        && (await http.Request.ReadFormAsync(cancel))["List-Unsubscribe"] == "One-Click";

    private static RazorComponentResult<LinkUnknownPage> Unknown(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return new RazorComponentResult<LinkUnknownPage>();
    }

    private sealed record Found(string Site, SiteId SiteId, BroadcastId Broadcast, SubscriberId Subscriber, bool AlreadyDone);
}
