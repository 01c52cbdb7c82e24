using System.Globalization;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Subscribers;
using Ekiben.Web;

namespace Ekiben.Mails;

/// <summary>Our route for mails to one person: what became of them.</summary>
internal static class MailsApi
{
    private const int DefaultPage = 50;

    public static void MapMails(this RouteGroupBuilder ours) =>
        ours.Map("GET", "/mails", ListAsync).WithTags("Mails").Describe(
            "Mails to one person, newest first", typeof(MailPage),
            query: [new("state", "one state; all when absent"), new("origin", "api or sequence; both when absent"), new("email", "only to this address"), new("cursor", "next of the page before"), new("limit", $"1 to {MailList.MaxPage}")]);

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        if (!Words.TryRead<RecipientState>(request.Query("state"), out var state))
        {
            return request.BadRequest($"There is no state {request.Query("state")}.", "bad_state");
        }

        if (!Words.TryRead<MailOrigin>(request.Query("origin"), out var origin))
        {
            return request.BadRequest("origin must be api or sequence.", "bad_origin");
        }

        byte[]? hash = null;
        if (request.Query("email") is { } email)
        {
            if (!EmailAddress.TryParse(email, out var address, out var error))
            {
                return request.BadRequest(error!, "bad_email");
            }

            hash = AddressHash.Of(request.Service<InstanceKey>(), address.Normalised);
        }

        var before = long.MaxValue;
        if (request.Query("cursor") is { } cursor && !long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out before))
        {
            return request.BadRequest("cursor is not one that this list gave.", "bad_cursor");
        }

        var limit = request.Query("limit", DefaultPage, 1, MailList.MaxPage);
        var lines = await MailList.ReadAsync(request.Service<Database>(), request.SiteId, new MailFilter(state, origin, hash), before, limit + 1, request.Cancel);
        return Answer.Ok(new MailPage([.. lines.Take(limit)], lines.Count > limit ? lines[limit - 1].Id.ToString(CultureInfo.InvariantCulture) : null));
    }

    private sealed record MailPage(IReadOnlyList<MailLine> Data, string? Next);
}
