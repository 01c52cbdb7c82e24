using System.Globalization;
using Ekiben.Web;

namespace Ekiben.Mailbox.Pages;

/// <summary>A message's HTML for the frame of its page, and its bytes to keep.</summary>
internal static class MailboxFrames
{
    public static void MapMailboxFrames(this IEndpointRouteBuilder app)
    {
        app.MapGet("/mailbox/{id:long}/html", HtmlAsync).RequireAuthorization(Accounts.Policies.Look);
        app.MapGet("/mailbox/{id:long}/raw", RawAsync).RequireAuthorization(Accounts.Policies.Look);
    }

    private static async Task<IResult> HtmlAsync(long id, string site, HttpContext http, MailboxReading mailboxes, CancellationToken cancel, bool images = false) =>
        await mailboxes.ReadAsync(site, id, cancel) is { Html: { } html } ? PreviewFrame.Html(http, html, images) : Results.NotFound();

    private static async Task<IResult> RawAsync(long id, string site, MailboxReading mailboxes, CancellationToken cancel) =>
        await mailboxes.ReadRawAsync(site, id, cancel) is { } raw
            ? Results.File(raw, "message/rfc822", string.Create(CultureInfo.InvariantCulture, $"message-{id}.eml"))
            : Results.NotFound();
}
