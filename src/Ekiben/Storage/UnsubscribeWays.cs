using Ekiben.Broadcasts;
using Ekiben.Feedback;
using Ekiben.Suppressions;

namespace Ekiben.Storage;

/// <summary>How a broadcast's recipients left. Each figure counts people.</summary>
/// <param name="OneClick">By their mail program's button.</param>
/// <param name="Page">By the page behind the link.</param>
/// <param name="Link">By one of both, before they were told apart.</param>
/// <param name="Elsewhere">By no link: over the API, by an import or in the platform, within 30 days of the start.</param>
/// <param name="Complaint">They called a message spam, within 30 days of the start.</param>
internal sealed record UnsubscribeCounts(long OneClick, long Page, long Link, long Elsewhere, long Complaint);

/// <summary>
/// Counts how a broadcast's recipients left, in three readings whose length is that of those who left, not of the audience. SQL that both databases read.
/// </summary>
internal static class UnsubscribeWays
{
    /// <summary>Later than this nobody leaves for the sake of one broadcast.</summary>
    private static readonly TimeSpan Span = TimeSpan.FromDays(30);

    /// <summary>Whose links count as a link of the site: nobody looks for an older message to leave by.</summary>
    private const int Broadcasts = 100;

    public static async Task<UnsubscribeCounts> ReadAsync(Database database, Broadcast broadcast, CancellationToken cancel)
    {
        if (broadcast.StartedAt is not { } start)
        {
            return new UnsubscribeCounts(0, 0, 0, 0, 0);
        }

        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        var unsubscribed = $"kind = '{Words.SnakeCase(nameof(ReactionKind.Unsubscribe))}'";
        command.CommandText = $"""
            SELECT (SELECT COUNT(*) FROM feedback WHERE broadcast_id = @broadcast AND {unsubscribed} AND way = '{Words.SnakeCase(nameof(UnsubscribeWay.OneClick))}'),
                   (SELECT COUNT(*) FROM feedback WHERE broadcast_id = @broadcast AND {unsubscribed} AND way = '{Words.SnakeCase(nameof(UnsubscribeWay.Page))}'),
                   (SELECT COUNT(*) FROM feedback WHERE broadcast_id = @broadcast AND {unsubscribed} AND way IS NULL),
                   (SELECT COUNT(*) FROM subscribers s JOIN recipients r ON r.broadcast_id = @broadcast AND r.address_id = s.address_id AND r.subscriber_id = s.id
                    WHERE s.site_id = @site AND s.unsubscribed_at IS NOT NULL AND s.unsubscribed_at BETWEEN @start AND @end
                      AND NOT EXISTS (SELECT 1 FROM feedback f WHERE {unsubscribed} AND f.subscriber_id = s.id
                                      AND f.broadcast_id IN (SELECT b.id FROM broadcasts b WHERE b.site_id = @site ORDER BY b.id DESC LIMIT {Broadcasts}))),
                   (SELECT COUNT(*) FROM suppressions p JOIN recipients r ON r.broadcast_id = @broadcast AND r.address_id = p.address_id
                    WHERE p.site_id = @site AND p.reason = '{Words.SnakeCase(nameof(SuppressionReason.Complaint))}' AND p.created_at BETWEEN @start AND @end)
            """;
        command.Set("@broadcast", broadcast.Id.Value);
        command.Set("@site", broadcast.SiteId.Value);
        command.Set("@start", start.ToStored());
        command.Set("@end", (start + Span).ToStored());
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new UnsubscribeCounts(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
    }
}
