using System.Data.Common;
using System.Globalization;
using Ekiben.Broadcasts;
using Microsoft.EntityFrameworkCore.Storage;

namespace Ekiben.Storage;

/// <summary>Gives a tag to recipients of a broadcast, a shard a transaction, so that nobody waits long behind it. SQL that both databases read.</summary>
internal static class RecipientTags
{
    /// <summary>The address ranges of a broadcast's shards, in their order.</summary>
    public static async Task<IReadOnlyList<(long First, long Last)>> RangesAsync(Database database, BroadcastId broadcast, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT first_address, last_address FROM shards WHERE broadcast_id = @broadcast ORDER BY number";
        command.Set("@broadcast", broadcast.Value);
        var ranges = new List<(long, long)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            ranges.Add((reader.GetInt64(0), reader.GetInt64(1)));
        }

        return ranges;
    }

    /// <summary>
    /// Inside the transaction that <paramref name="db"/> has open: the recipients of one range that are in one of the states and are still people of
    /// the site get the tag. With <paramref name="exceptOpeners"/> those whose message was opened do not. Returns how many got it.
    /// </summary>
    public static async Task<int> GiveAsync(
        Db db, long tag, BroadcastId broadcast, (long First, long Last) range, IReadOnlyList<RecipientState> states, bool exceptOpeners, CancellationToken cancel)
    {
        var transaction = (db.Database.CurrentTransaction ?? throw new InvalidOperationException("tagging needs an open transaction")).GetDbTransaction();
        await using DbCommand command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = $"""
            INSERT INTO subscriber_tags (tag_id, subscriber_id)
            SELECT @tag, r.subscriber_id FROM recipients r
            WHERE r.broadcast_id = @broadcast AND r.address_id BETWEEN @first AND @last
              AND r.state IN ({string.Join(", ", states.Select(state => ((int)state).ToString(CultureInfo.InvariantCulture)))})
              AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = r.subscriber_id)
              AND NOT (r.state = 9 AND {UncertainRows.IsTreatedAsSent})
              {(exceptOpeners
                  ? "AND NOT EXISTS (SELECT 1 FROM feedback x WHERE x.broadcast_id = r.broadcast_id AND x.kind IN ('open', 'click') AND x.subscriber_id = r.subscriber_id)"
                  : "")}
            ON CONFLICT DO NOTHING
            """;
        command.Set("@tag", tag);
        command.Set("@subject", UncertainRows.SubjectOf(broadcast));
        command.Set("@broadcast", broadcast.Value);
        command.Set("@first", range.First);
        command.Set("@last", range.Last);
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
