using System.Data.Common;
using Ekiben.Broadcasts;
using Ekiben.Feedback;
using Ekiben.Suppressions;

namespace Ekiben.Storage;

/// <summary>What came of a broadcast at one domain. Each figure counts people.</summary>
/// <param name="Domain">After the @; null for the domains that are not told apart, and for people who were deleted.</param>
/// <param name="Recipients">Everybody there.</param>
/// <param name="Accepted">By the relay.</param>
/// <param name="Refused">By the relay, for good.</param>
/// <param name="Deferred">Put off at least once, whatever came of it then.</param>
/// <param name="Opened">Whose message was opened, by them or by a machine on the way.</param>
/// <param name="Clicked">Likewise a link of it.</param>
/// <param name="Unsubscribed">By its link.</param>
/// <param name="Complained">Whose complaint came after it started.</param>
internal sealed record DomainFigures(
    string? Domain, long Recipients, long Accepted, long Refused, long Deferred, long Opened, long Clicked, long Unsubscribed, long Complained)
{
    public DomainFigures Plus(DomainFigures other) => new(
        Domain, Recipients + other.Recipients, Accepted + other.Accepted, Refused + other.Refused, Deferred + other.Deferred,
        Opened + other.Opened, Clicked + other.Clicked, Unsubscribed + other.Unsubscribed, Complained + other.Complained);
}

/// <summary>
/// Counts a broadcast's recipients by the domain of their addresses. It walks them all, in pages by the ledger's key, so that no reading is long and
/// nothing but the sums is kept. SQL that both databases read.
/// </summary>
internal static class RecipientDomains
{
    /// <summary>Domains told apart, the largest; the others are one line.</summary>
    public const int Shown = 20;

    private const int PageSize = 20_000;

    /// <summary>Domains counted one by one; beyond, rarer than one in a hundred thousand, all are one. Who sends to a million people meets some ten thousand.</summary>
    private const int MaxCounted = 100_000;

    /// <summary>The largest first; at the end, where there are any, one line with a null domain for all others.</summary>
    public static async Task<IReadOnlyList<DomainFigures>> ReadAsync(Database database, Broadcast broadcast, CancellationToken cancel)
    {
        var domains = new Dictionary<string, DomainFigures>(StringComparer.Ordinal);
        var lookup = domains.GetAlternateLookup<ReadOnlySpan<char>>();
        var others = new DomainFigures(null, 0, 0, 0, 0, 0, 0, 0, 0);
        await using var connection = await database.ConnectAsync(cancel);
        var complained = await ComplainedAsync(connection, broadcast, cancel);
        await using var page = await PageAsync(connection, broadcast, cancel);
        var (after, read) = (0L, PageSize);
        while (read == PageSize)
        {
            page.Set("@after", after);
            read = 0;
            await using var reader = await page.ExecuteReaderAsync(cancel);
            while (await reader.ReadAsync(cancel))
            {
                read++;
                after = reader.GetInt64(0);
                var address = reader.GetString(1);
                var state = (RecipientState)reader.GetInt32(2);
                var one = new DomainFigures(
                    null, 1, state == RecipientState.Accepted ? 1 : 0, state == RecipientState.Refused ? 1 : 0,
                    reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5), reader.GetInt32(6), complained.Contains(after) ? 1 : 0);
                var domain = address.AsSpan(address.LastIndexOf('@') + 1);
                if (lookup.TryGetValue(domain, out var sum))
                {
                    lookup[domain] = sum.Plus(one);
                }
                else if (domain.Length > 0 && domains.Count < MaxCounted)
                {
                    lookup[domain] = one with { Domain = domain.ToString() };
                }
                else
                {
                    others = others.Plus(one);
                }
            }
        }

        var ordered = domains.Values.OrderByDescending(one => one.Recipients).ThenBy(one => one.Domain, StringComparer.Ordinal).ToList();
        others = ordered.Skip(Shown).Aggregate(others, (sum, one) => sum.Plus(one));
        return [.. ordered.Take(Shown), .. others.Recipients > 0 ? [others] : Array.Empty<DomainFigures>()];
    }

    /// <summary>One page of recipients. What nobody did is not looked for: most broadcasts of most sites count no clicks.</summary>
    private static async Task<DbCommand> PageAsync(DbConnection connection, Broadcast broadcast, CancellationToken cancel)
    {
        var done = new List<string>();
        foreach (var kind in Enum.GetValues<ReactionKind>())
        {
            var word = Words.SnakeCase(kind.ToString());
            done.Add(await HasAsync(connection, broadcast, word, cancel)
                ? $"CASE WHEN EXISTS (SELECT 1 FROM feedback f WHERE f.broadcast_id = @broadcast AND f.kind = '{word}' AND f.subscriber_id = r.subscriber_id) THEN 1 ELSE 0 END"
                : "0");
        }

        var command = connection.CreateCommand();
        command.CommandText = $"""
            SELECT r.address_id, a.normalised, r.state,
                   CASE WHEN r.state = {(int)RecipientState.Deferred} THEN 1
                        WHEN r.attempts > 1 AND EXISTS (SELECT 1 FROM attempts t WHERE t.broadcast_id = r.broadcast_id AND t.address_id = r.address_id AND t.outcome = 'deferred') THEN 1
                        ELSE 0 END,
                   {string.Join(", ", done)}
            FROM recipients r CROSS JOIN addresses a
            WHERE r.broadcast_id = @broadcast AND r.address_id > @after AND a.id = r.address_id
            ORDER BY r.address_id LIMIT {PageSize}
            """;
        command.Set("@broadcast", broadcast.Id.Value);
        return command;
    }

    private static async Task<bool> HasAsync(DbConnection connection, Broadcast broadcast, string kind, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT 1 FROM feedback WHERE broadcast_id = @broadcast AND kind = @kind LIMIT 1";
        command.Set("@broadcast", broadcast.Id.Value);
        command.Set("@kind", kind);
        return await command.ExecuteScalarAsync(cancel) is not null;
    }

    /// <summary>Addresses of the site whose complaint came after the start: few, or the site would not send for long.</summary>
    private static async Task<HashSet<long>> ComplainedAsync(DbConnection connection, Broadcast broadcast, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT address_id FROM suppressions WHERE site_id = @site AND reason = '{Words.SnakeCase(nameof(SuppressionReason.Complaint))}' AND created_at >= @start";
        command.Set("@site", broadcast.SiteId.Value);
        command.Set("@start", broadcast.StartedAt?.ToStored() ?? long.MaxValue);
        var found = new HashSet<long>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            found.Add(reader.GetInt64(0));
        }

        return found;
    }
}
