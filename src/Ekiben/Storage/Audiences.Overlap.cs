using System.Data.Common;

namespace Ekiben.Storage;

/// <summary>How many people two broadcasts have in common: counted where they are few, estimated from a sample where they are many.</summary>
internal abstract partial class Audiences
{
    /// <summary>Up to so many ids of the site all are counted; walking them takes some 50 ms.</summary>
    private const long MostCounted = 50_000;

    /// <summary>A sample: so many ranges of ids, evenly spread, since those who came early differ from those who came late.</summary>
    private const int SampledRanges = 40;

    private const int SampledRange = 500;

    /// <summary>A smaller sample says little; then all are counted. Within 10 % of a half, nineteen times of twenty, at 400.</summary>
    private const long LeastSampled = 400;

    /// <summary>How many recipients of the one are also recipients of the other, both as of now.</summary>
    public Task<Overlap> OverlapAsync(AudienceRule rule, AudienceRule other, CancellationToken cancel) =>
        OverlapAsync(rule, (command, reach) => Where(command, other, reach) is var two ? $"{two.Matched} AND {two.Reason} = 0" : "", cancel);

    /// <summary>The same with a broadcast whose audience is frozen.</summary>
    public Task<Overlap> OverlapAsync(AudienceRule rule, BroadcastId frozen, CancellationToken cancel) => OverlapAsync(
        rule,
        (command, _) =>
        {
            command.Set("@frozen", frozen.Value);
            return "EXISTS (SELECT 1 FROM recipients r WHERE r.broadcast_id = @frozen AND r.address_id = s.address_id)";
        },
        cancel);

    private Task<Overlap> OverlapAsync(AudienceRule rule, Func<DbCommand, AudienceReach, string> isShared, CancellationToken cancel) => Database.ReadLongAsync(
        async connection =>
        {
            var (first, last) = await IdsOfAsync(connection, rule.Site, cancel);
            if (last - first >= MostCounted)
            {
                await using var sample = connection.CreateCommand();
                var (recipients, shared) = await SampleOverlapAsync(sample, Both(sample, AudienceReach.Range), first, last, cancel);
                if (recipients >= LeastSampled)
                {
                    return new Overlap(shared, recipients, IsSample: true);
                }
            }

            await using var command = connection.CreateCommand();
            command.CommandText = Both(command, AudienceReach.Everybody);
            var (all, both) = await ReadOverlapAsync(command, cancel);
            return new Overlap(both, all, IsSample: false);

            string Both(DbCommand counting, AudienceReach reach)
            {
                var where = Where(counting, rule, reach);
                return $"""
                    SELECT COUNT(DISTINCT s.address_id), COUNT(DISTINCT CASE WHEN {isShared(counting, reach)} THEN s.address_id END)
                    FROM subscribers s WHERE {where.Matched} AND {where.Reason} = 0
                    """;
            }
        },
        cancel);

    private static async Task<(long Recipients, long Shared)> SampleOverlapAsync(DbCommand command, string sql, long first, long last, CancellationToken cancel)
    {
        command.CommandText = sql;
        var (recipients, shared) = (0L, 0L);
        for (var range = 0; range < SampledRanges; range++)
        {
            var from = first - 1 + ((last - first + 1 - SampledRange) * range / (SampledRanges - 1));
            command.Set("@from", from);
            command.Set("@to", from + SampledRange);
            var (some, both) = await ReadOverlapAsync(command, cancel);
            (recipients, shared) = (recipients + some, shared + both);
        }

        return (recipients, shared);
    }

    private static async Task<(long Recipients, long Shared)> ReadOverlapAsync(DbCommand command, CancellationToken cancel)
    {
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }
}

/// <summary>What two broadcasts have in common.</summary>
/// <param name="Shared">Recipients of both, of those that were looked at.</param>
/// <param name="Recipients">Recipients of the one that were looked at: all, or a sample.</param>
/// <param name="IsSample">The numbers are a sample's.</param>
internal sealed record Overlap(long Shared, long Recipients, bool IsSample)
{
    /// <summary>Of so many recipients, how many get both; of a sample with two digits, more are not known.</summary>
    public long Of(long all)
    {
        if (!IsSample)
        {
            return Shared;
        }

        var estimate = (long)((double)Shared / Recipients * all);
        long unit = 1;
        while (estimate / unit >= 100)
        {
            unit *= 10;
        }

        return (estimate + (unit / 2)) / unit * unit;
    }
}
