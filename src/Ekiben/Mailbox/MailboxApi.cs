using System.Globalization;
using Ekiben.Web;
using MimeKit;

namespace Ekiben.Mailbox;

/// <summary>Our routes for the built-in mailbox of a test site: what it sent, newest first.</summary>
internal static class MailboxApi
{
    public static void MapMailbox(this RouteGroupBuilder ours)
    {
        var group = ours.MapGroup("/mailbox").WithTags("mailbox");
        group.Map("GET", "", ListAsync).Describe("The messages that this test site sent, newest first", typeof(MailboxPage));
        group.Map("GET", "/{id}", ShowAsync).Describe("One message, parsed and raw", typeof(MailboxMessage));
    }

    private static async Task<Answer> ListAsync(ApiRequest request)
    {
        var mailbox = request.Service<MailboxStore>();
        var size = request.Query("limit", otherwise: 50, min: 1, max: MailboxStore.MaxPage);
        long? before = long.TryParse(request.Query("cursor"), CultureInfo.InvariantCulture, out var at) ? at : null;
        var entries = await mailbox.ListAsync(request.SiteId, before, size, request.Cancel);
        return Answer.Ok(new MailboxPage(
            entries,
            entries.Count == size ? entries[^1].Id.ToString(CultureInfo.InvariantCulture) : null,
            await mailbox.CountAsync(request.SiteId, request.Cancel)));
    }

    private static async Task<Answer> ShowAsync(ApiRequest request) =>
        long.TryParse(request.Route("id"), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && await request.Service<MailboxStore>().ReadAsync(request.SiteId, id, request.Cancel) is { } raw
            ? Answer.Ok(await MailboxMessage.ParseAsync(id, raw, request.Cancel))
            : request.NotFound("There is no such message in the mailbox.");
}

/// <summary>A page of the mailbox; <paramref name="Total"/> counts all that it holds for the site.</summary>
internal sealed record MailboxPage(IReadOnlyList<MailboxEntry> Data, string? NextCursor, long Total);

/// <summary>A stored message, read by an independent parser.</summary>
internal sealed record MailboxMessage(
    long Id, string Subject, string From, string To, DateTimeOffset Date, string MessageId, IReadOnlyList<MailboxHeader> Headers, string? Html, string? Text, string Raw)
{
    /// <summary>Domain and selector of each signature that it claims to have; none is verified here.</summary>
    public IReadOnlyList<string> SignedBy { get; } = [.. Headers.Where(header => header.Name.Equals("DKIM-Signature", StringComparison.OrdinalIgnoreCase)).Select(Signer)];

    public static async Task<MailboxMessage> ParseAsync(long id, byte[] raw, CancellationToken cancel)
    {
        using var message = await MimeMessage.LoadAsync(new MemoryStream(raw, writable: false), cancel);
        return new MailboxMessage(
            id,
            message.Subject ?? "",
            message.From.ToString(),
            message.To.ToString(),
            message.Date,
            message.MessageId ?? "",
            [.. message.Headers.Select(header => new MailboxHeader(header.Field, header.Value))],
            message.HtmlBody,
            message.TextBody,
            System.Text.Encoding.UTF8.GetString(raw));
    }

    private static string Signer(MailboxHeader signature)
    {
        var tags = signature.Value.Split(';', StringSplitOptions.TrimEntries);
        return $"{Tag("d=")} (selector {Tag("s=")})";

        string Tag(string name) => Array.Find(tags, tag => tag.StartsWith(name, StringComparison.Ordinal))?[name.Length..] ?? "?";
    }
}

internal sealed record MailboxHeader(string Name, string Value);
