using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>What became of a step's mails. Those that are neither are under way, or went to somebody who left meanwhile.</summary>
/// <param name="Mails">Made of it.</param>
/// <param name="Accepted">By the relay.</param>
/// <param name="Failed">Refused, expired, could not be made, or uncertain.</param>
internal sealed record StepCount(long Mails, long Accepted, long Failed);

/// <summary>Counts the mails of a sequence's steps by their state in the ledger: it walks them, so ask beside a page. SQL that both databases read.</summary>
internal static class StepCounts
{
    private static readonly RecipientState[] Failures = [RecipientState.Refused, RecipientState.Expired, RecipientState.RenderFailed, RecipientState.Uncertain];

    /// <summary>By the step's id; steps without mails are left out.</summary>
    public static async Task<IReadOnlyDictionary<long, StepCount>> ReadAsync(Database database, SiteId site, long sequence, CancellationToken cancel)
    {
        await using var connection = await database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        // CROSS JOIN is the order of reading to SQLite, which would else walk all mails of the site.
        command.CommandText = """
            SELECT m.step_id, r.state, COUNT(*)
            FROM sequence_steps s CROSS JOIN mails m CROSS JOIN broadcasts b CROSS JOIN recipients r
            WHERE s.site_id = @site AND s.sequence_id = @sequence AND m.step_id = s.id
              AND b.site_id = s.site_id AND b.is_stream AND r.broadcast_id = b.id AND r.address_id = m.id
            GROUP BY m.step_id, r.state
            """;
        command.Set("@site", site.Value);
        command.Set("@sequence", sequence);
        var counts = new Dictionary<long, StepCount>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var (step, state, count) = (reader.GetInt64(0), (RecipientState)reader.GetInt32(1), reader.GetInt64(2));
            var sum = counts.GetValueOrDefault(step, new StepCount(0, 0, 0));
            counts[step] = new StepCount(sum.Mails + count, sum.Accepted + (state == RecipientState.Accepted ? count : 0), sum.Failed + (Failures.Contains(state) ? count : 0));
        }

        return counts;
    }
}
