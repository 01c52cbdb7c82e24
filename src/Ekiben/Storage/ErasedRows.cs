using System.Data.Common;
using Ekiben.Broadcasts;
using Microsoft.EntityFrameworkCore.Storage;

namespace Ekiben.Storage;

/// <summary>
/// What becomes of an erased person's rows in broadcasts that are under way, and of mails to them (ledger.md rules 1 and 14): what waits is suppressed, and what is
/// uncertain gets no second try. What is on a connection is not touched: its outcome is recorded, and it finds the person suppressed if it waits then.
/// Shards' counts change with the rows (rule 17). SQL that both databases read.
/// </summary>
internal static class ErasedRows
{
    /// <summary>
    /// Inside the transaction that <paramref name="db"/> has open. An audience that is still being frozen has no shards yet, so its rows wait for their
    /// turn, which makes them suppressed too.
    /// </summary>
    public static async Task SettleAsync(Db db, SiteId site, AddressId address, DateTimeOffset now, CancellationToken cancel)
    {
        var transaction = (db.Database.CurrentTransaction ?? throw new InvalidOperationException("an erasure needs an open transaction")).GetDbTransaction();
        foreach (var (broadcast, shard, state, row) in await ReadAsync(transaction, site, address, cancel))
        {
            if (state == RecipientState.Uncertain)
            {
                await RunAsync(transaction, "UPDATE recipients SET resent = 2 WHERE broadcast_id = @broadcast AND address_id = @address", row, broadcast, shard, now, cancel);
                continue;
            }

            await RunAsync(
                transaction, $"UPDATE recipients SET state = {(int)RecipientState.Suppressed}, not_before = NULL, last_at = @now WHERE broadcast_id = @broadcast AND address_id = @address",
                row, broadcast, shard, now, cancel);
            var from = state == RecipientState.Pending ? "pending" : "deferred";
            await RunAsync(transaction, $"UPDATE shards SET {from} = {from} - 1, suppressed = suppressed + 1 WHERE id = @shard", row, broadcast, shard, now, cancel);
        }
    }

    private static async Task<List<(long Broadcast, long Shard, RecipientState State, AddressId Row)>> ReadAsync(DbTransaction transaction, SiteId site, AddressId address, CancellationToken cancel)
    {
        await using var query = transaction.Connection!.CreateCommand();
        query.Transaction = transaction;
        query.CommandText = $"""
            SELECT r.broadcast_id, sh.id, r.state, r.address_id
            FROM broadcasts b
            JOIN recipients r ON r.broadcast_id = b.id AND r.address_id = @address
            JOIN shards sh ON sh.broadcast_id = b.id AND @address BETWEEN sh.first_address AND sh.last_address
            WHERE b.site_id = @site AND NOT b.is_stream AND b.status IN ('sending', 'paused', 'held')
              AND (r.state IN ({(int)RecipientState.Pending}, {(int)RecipientState.Deferred}) OR (r.state = {(int)RecipientState.Uncertain} AND r.resent = 0))
            UNION ALL
            SELECT r.broadcast_id, sh.id, r.state, r.address_id
            FROM mails m
            JOIN broadcasts b ON b.site_id = m.site_id AND b.is_stream
            JOIN recipients r ON r.broadcast_id = b.id AND r.address_id = m.id
            JOIN shards sh ON sh.broadcast_id = b.id AND m.id BETWEEN sh.first_address AND sh.last_address
            WHERE m.site_id = @site AND m.address_id = @address
              AND (r.state IN ({(int)RecipientState.Pending}, {(int)RecipientState.Deferred}) OR (r.state = {(int)RecipientState.Uncertain} AND r.resent = 0))
            """;
        query.Set("@site", site.Value);
        query.Set("@address", address.Value);
        await using var reader = await query.ExecuteReaderAsync(cancel);
        var rows = new List<(long, long, RecipientState, AddressId)>();
        while (await reader.ReadAsync(cancel))
        {
            rows.Add((reader.GetInt64(0), reader.GetInt64(1), (RecipientState)Convert.ToInt32(reader.GetValue(2), System.Globalization.CultureInfo.InvariantCulture), new AddressId(reader.GetInt64(3))));
        }

        return rows;
    }

    private static async Task RunAsync(
        DbTransaction transaction, string sql, AddressId address, long broadcast, long shard, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        (string Name, long Value)[] known = [("@address", address.Value), ("@broadcast", broadcast), ("@shard", shard), ("@now", now.ToStored())];
        foreach (var (name, value) in known.Where(one => sql.Contains(one.Name, StringComparison.Ordinal)))
        {
            command.Set(name, value);
        }

        await command.ExecuteNonQueryAsync(cancel);
    }
}
