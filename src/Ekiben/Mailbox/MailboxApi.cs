using System.Globalization;
using Ekiben.Storage;
using Ekiben.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using MimeKit;

namespace Ekiben.Mailbox;

/// <summary>Reads the built-in mailbox of a test site.</summary>
internal static class MailboxApi
{
    public static void MapMailbox(this RouteGroupBuilder api)
    {
        api.MapGet("/mailbox", ListAsync).WithSummary("The messages that this test site sent, newest first");
        api.MapGet("/mailbox/{id:long}", ReadAsync).WithSummary("One message, parsed");
        api.MapGet("/mailbox/{id:long}/raw", ReadRawAsync).WithSummary("One message as it was handed over");
    }

    private static async Task<Ok<MailboxPage>> ListAsync(ApiCaller caller, MailboxStore mailbox, string? cursor, int? limit, CancellationToken cancel)
    {
        long? before = long.TryParse(cursor, CultureInfo.InvariantCulture, out var at) ? at : null;
        var size = Math.Clamp(limit ?? 50, 1, MailboxStore.MaxPage);
        var entries = await mailbox.ListAsync(caller.SiteId, before, size, cancel);
        return TypedResults.Ok(new MailboxPage(
            entries,
            entries.Count == size ? entries[^1].Id.ToString(CultureInfo.InvariantCulture) : null,
            await mailbox.CountAsync(caller.SiteId, cancel)));
    }

    private static async Task<Results<Ok<MailboxMessage>, NotFound>> ReadAsync(ApiCaller caller, MailboxStore mailbox, long id, CancellationToken cancel)
    {
        if (await mailbox.ReadAsync(caller.SiteId, id, cancel) is not { } raw)
        {
            return TypedResults.NotFound();
        }

        return TypedResults.Ok(await MailboxMessage.ParseAsync(id, raw, cancel));
    }

    private static async Task<Results<FileContentHttpResult, NotFound>> ReadRawAsync(ApiCaller caller, MailboxStore mailbox, long id, CancellationToken cancel) =>
        await mailbox.ReadAsync(caller.SiteId, id, cancel) is { } raw
            ? TypedResults.File(raw, "message/rfc822")
            : TypedResults.NotFound();

    private sealed record MailboxPage(IReadOnlyList<MailboxEntry> Data, string? NextCursor, long Total);
}

/// <summary>A stored message, read by an independent parser.</summary>
internal sealed record MailboxMessage(
    long Id, string Subject, string From, string To, DateTimeOffset Date, string MessageId, IReadOnlyList<MailboxHeader> Headers, string? Html, string? Text)
{
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
            message.TextBody);
    }
}

internal sealed record MailboxHeader(string Name, string Value);
