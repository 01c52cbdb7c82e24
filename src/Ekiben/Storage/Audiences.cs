using System.Data.Common;

namespace Ekiben.Storage;

/// <summary>Reads who a rule reaches. The freeze uses the same SQL (<see cref="SendQueue"/>), so a count and a freeze agree.</summary>
internal abstract partial class Audiences
{
    public Task<AudienceCount> CountAsync(AudienceRule rule, CancellationToken cancel) => Database.ReadLongAsync(async connection =>
    {
        await using var command = connection.CreateCommand();
        var where = Where(command, rule);
        // The duplicates: people with reason 0 whose address another such person with a lower id has.
        command.CommandText = $"""
            WITH audience AS (SELECT s.id, s.address_id, {where.Reason} AS reason FROM subscribers s WHERE {where.Matched})
            SELECT COUNT(*),
                   COUNT(*) FILTER (WHERE reason = 1), COUNT(*) FILTER (WHERE reason = 2), COUNT(*) FILTER (WHERE reason = 3),
                   (SELECT COUNT(*) - COUNT(DISTINCT address_id) FROM audience WHERE reason = 0)
            FROM audience
            """;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new AudienceCount(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
    }, cancel);

    /// <summary>Recipients in the order of their ids, after <paramref name="after"/>, at most <paramref name="limit"/>.</summary>
    public Task<IReadOnlyList<SubscriberId>> SampleAsync(AudienceRule rule, SubscriberId after, int limit, CancellationToken cancel) =>
        ReadRangesAsync(rule, after, limit, where => $"SELECT s.id FROM subscribers s WHERE {where.Matched} AND {where.Reason} = 0 ORDER BY s.id LIMIT @limit", ReadId, cancel);

    /// <summary>Everybody the rule matches in the order of their ids, also those it would leave out: after <paramref name="skip"/>, at most <paramref name="limit"/>.</summary>
    public Task<IReadOnlyList<SubscriberId>> MatchedAsync(AudienceRule rule, int skip, int limit, CancellationToken cancel) => Database.ReadLongAsync<IReadOnlyList<SubscriberId>>(async connection =>
    {
        await using var command = connection.CreateCommand();
        var where = Where(command, rule);
        command.CommandText = $"SELECT s.id FROM subscribers s WHERE {where.Matched} ORDER BY s.id LIMIT @limit OFFSET @skip";
        command.Set("@limit", limit);
        command.Set("@skip", skip);
        var ids = new List<SubscriberId>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            ids.Add(ReadId(reader));
        }

        return ids;
    }, cancel);

    /// <summary>
    /// How many recipients have nothing (no value, or blanks only) in each of the fields, in their order. Walks the whole audience once:
    /// ask for all fields together.
    /// </summary>
    public abstract Task<IReadOnlyList<long>> CountBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, CancellationToken cancel);

    /// <summary>The names among <paramref name="names"/> that are no tag of the site.</summary>
    public abstract Task<IReadOnlyList<string>> UnknownTagsAsync(SiteId site, IReadOnlyList<string> names, CancellationToken cancel);

    /// <summary>
    /// The first rows after somebody, found range by range of ids, each twice as wide as the one before: whoever is near is found at once, however many
    /// carry a tag, and when nobody is left everybody was read once. The statement has <c>@from</c>, <c>@to</c> and <c>@limit</c>.
    /// </summary>
    private Task<IReadOnlyList<T>> ReadRangesAsync<T>(
        AudienceRule rule, SubscriberId after, int limit, Func<AudienceSql, string> statement, Func<DbDataReader, T> read, CancellationToken cancel) =>
        Database.ReadLongAsync<IReadOnlyList<T>>(async connection =>
        {
            var found = new List<T>();
            var (_, last) = await IdsOfAsync(connection, rule.Site, cancel);
            long width = WalkRange;
            for (var from = after.Value; from < last && found.Count < limit; from += width, width *= 2)
            {
                await using var command = connection.CreateCommand();
                command.CommandText = statement(Where(command, rule, AudienceReach.Range));
                command.Set("@from", from);
                command.Set("@to", Math.Min(from + width, last));
                command.Set("@limit", limit - found.Count);
                await using var reader = await command.ExecuteReaderAsync(cancel);
                while (await reader.ReadAsync(cancel))
                {
                    found.Add(read(reader));
                }
            }

            return found;
        }, cancel);

    /// <summary>The lowest and the highest id of the site's subscribers; both 0 when there is none.</summary>
    private static async Task<(long First, long Last)> IdsOfAsync(DbConnection connection, SiteId site, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        // Two look-ups; in one SELECT the two would walk the index.
        command.CommandText = """
            SELECT COALESCE((SELECT MIN(s.id) FROM subscribers s WHERE s.site_id = @site), 0), COALESCE((SELECT MAX(s.id) FROM subscribers s WHERE s.site_id = @site), 0)
            """;
        command.Set("@site", site.Value);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }

    private static SubscriberId ReadId(DbDataReader reader) => new(reader.GetInt64(0));
}

/// <summary><c>first_name</c> or <c>last_name</c>, for which a custom field of that name stands in, or a custom field.</summary>
internal sealed record SubscriberField(string Name, bool IsCustom);
