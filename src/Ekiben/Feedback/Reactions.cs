using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Feedback.Pages;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Feedback;

/// <summary>
/// Clicks and opens of sites that count them. A redirect goes only to a link of the approved message, or to one that this server signed when
/// it made the message: the address in the browser decides nothing.
/// </summary>
internal static class Reactions
{
    /// <summary>A transparent GIF of one pixel.</summary>
    private static readonly byte[] Pixel = Convert.FromBase64String("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7");

    public static void MapReactions(this IEndpointRouteBuilder app)
    {
        app.MapGet("/c/{token}/{number:int}", ClickAsync).AllowAnonymous();
        app.MapGet("/c/{token}/u/{target}/{signature}", ClickSignedAsync).AllowAnonymous();
        app.MapGet("/o/{token}", OpenAsync).AllowAnonymous();
    }

    private static async Task<IResult> ClickAsync(
        string token, int number, PublicLinks links, LinkTargets targets, Database database, TimeProvider clock, HttpContext http, CancellationToken cancel) =>
        links.TryReadTracking(token, out var broadcast, out var subscriber) && await targets.FindAsync(broadcast, number, cancel) is { } url
            ? await FollowAsync(new Reaction { BroadcastId = broadcast, SubscriberId = subscriber, Kind = ReactionKind.Click, Url = url }, database, clock, http, cancel)
            : Unknown(http);

    private static async Task<IResult> ClickSignedAsync(
        string token, string target, string signature, PublicLinks links, Database database, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (!links.TryReadTracking(token, out var broadcast, out var subscriber) || !Base64Url.IsValid(target))
        {
            return Unknown(http);
        }

        var url = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(target));
        return LinkTargets.IsWeb(url)
            && System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(
                Encoding.ASCII.GetBytes(links.SignTarget(token, url)), Encoding.ASCII.GetBytes(signature))
            ? await FollowAsync(new Reaction { BroadcastId = broadcast, SubscriberId = subscriber, Kind = ReactionKind.Click, Url = url }, database, clock, http, cancel)
            : Unknown(http);
    }

    private static async Task<IResult> OpenAsync(string token, PublicLinks links, Database database, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (!links.TryReadTracking(token, out var broadcast, out var subscriber))
        {
            return Unknown(http);
        }

        await RecordAsync(new Reaction { BroadcastId = broadcast, SubscriberId = subscriber, Kind = ReactionKind.Open }, database, clock, cancel);
        http.Response.Headers.CacheControl = "no-store";
        return Results.Bytes(Pixel, "image/gif");
    }

    private static async Task<IResult> FollowAsync(Reaction click, Database database, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        await RecordAsync(click, database, clock, cancel);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        return Results.Redirect(click.Url!);
    }

    private static async Task RecordAsync(Reaction reaction, Database database, TimeProvider clock, CancellationToken cancel)
    {
        await using var db = database.OpenEverySite();
        await using var write = await database.BeginWriteAsync(db, cancel);
        var site = await db.Broadcasts.Where(b => b.Id == reaction.BroadcastId).Select(b => (SiteId?)b.SiteId).FirstOrDefaultAsync(cancel);
        if (site is not { } owner)
        {
            return;
        }

        (reaction.SiteId, reaction.At) = (owner, clock.GetUtcNow());
        db.Reactions.Add(reaction);
        await db.SaveChangesAsync(cancel);
        await write.CommitAsync(cancel);
    }

    private static RazorComponentResult<LinkUnknownPage> Unknown(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return new RazorComponentResult<LinkUnknownPage>();
    }
}

/// <summary>The literal links of broadcasts by number, as their approved manifests have them.</summary>
internal sealed class LinkTargets(Database database, MessageComposer composer)
{
    /// <summary>Broadcasts kept in memory; beyond, all are read again.</summary>
    private const int MaxKept = 200;

    private readonly ConcurrentDictionary<BroadcastId, IReadOnlyList<string>> _kept = new();

    /// <summary>Only what a browser may be sent to: an absolute http or https address.</summary>
    public static bool IsWeb(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";

    public async Task<string?> FindAsync(BroadcastId broadcast, int number, CancellationToken cancel)
    {
        if (!_kept.TryGetValue(broadcast, out var links))
        {
            await using var db = database.OpenEverySite();
            var manifest = await db.Approvals.Where(a => a.BroadcastId == broadcast).OrderByDescending(a => a.Id).Select(a => a.Manifest).FirstOrDefaultAsync(cancel);
            if (manifest is null)
            {
                return null;
            }

            if (_kept.Count >= MaxKept)
            {
                _kept.Clear();
            }

            links = composer.LinksOf(Manifest.FromText(manifest));
            _kept[broadcast] = links;
        }

        return number >= 0 && number < links.Count && IsWeb(links[number]) ? links[number] : null;
    }
}
