using Ekiben.Mail;
using Ekiben.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Domains;

/// <summary>What a sender's domain published when that was last looked up.</summary>
/// <param name="Domain">The nearest domain of the sender that was checked; the sender's own where none was.</param>
/// <param name="CheckedAt">Null = never.</param>
/// <param name="Records">SPF, DKIM and DMARC, each with the worst that was found of it; empty = never checked.</param>
internal sealed record SenderRecords(string Domain, DateTimeOffset? CheckedAt, IReadOnlyList<SenderRecord> Records)
{
    private static readonly string[] Shown = ["SPF", "DKIM", "DMARC"];

    /// <summary>From what was stored: nobody is asked.</summary>
    public static async Task<SenderRecords> ReadAsync(Database database, SiteId site, string fromEmail, CancellationToken cancel)
    {
        var domain = EmailAddress.TryParse(fromEmail, out var address, out _) ? address.Domain : "";
        var names = DomainSigning.WithParents(domain).ToList();
        await using var db = database.Open(site);
        var nearest = (await db.DomainChecks.AsNoTracking().Where(check => names.Contains(check.Domain)).ToListAsync(cancel)).MaxBy(check => check.Domain.Length);
        if (nearest is null)
        {
            return new SenderRecords(domain, null, []);
        }

        var found = nearest.Read();
        return new SenderRecords(nearest.Domain, nearest.CheckedAt, [.. Shown
            .Select(what => found.Where(verdict => verdict.What == what).MaxBy(verdict => Weight(verdict.State)))
            .OfType<RecordVerdict>().Select(worst => new SenderRecord(worst.What, worst.State, worst.Sentence))]);
    }

    private static int Weight(RecordState state) => state switch
    {
        RecordState.Ok => 0,
        RecordState.Unknown => 1,
        RecordState.Missing => 2,
        _ => 3,
    };
}

/// <summary>One of them, with its reason.</summary>
internal sealed record SenderRecord(string What, RecordState State, string Sentence);
