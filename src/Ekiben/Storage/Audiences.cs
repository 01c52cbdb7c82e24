using System.Data.Common;

namespace Ekiben.Storage;

/// <summary>Reads who a rule reaches. The freeze uses the same SQL (<see cref="SendQueue"/>), so a count and a freeze agree.</summary>
internal abstract partial class Audiences
{
    public async Task<AudienceCount> CountAsync(AudienceRule rule, CancellationToken cancel)
    {
        await using var connection = await Database.ConnectAsync(cancel);
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
    }

    /// <summary>Recipients in the order of their ids, after <paramref name="after"/>, at most <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<SubscriberId>> SampleAsync(AudienceRule rule, SubscriberId after, int limit, CancellationToken cancel)
    {
        await using var connection = await Database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        var where = Where(command, rule);
        command.CommandText = $"""
            SELECT s.id FROM subscribers s
            WHERE s.id > @after AND {where.Matched} AND {where.Reason} = 0
            ORDER BY s.id LIMIT @limit
            """;
        command.Set("@after", after.Value);
        command.Set("@limit", limit);
        return await ReadIdsAsync(command, cancel);
    }

    /// <summary>Everybody the rule matches in the order of their ids, also those it would leave out: after <paramref name="skip"/>, at most <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<SubscriberId>> MatchedAsync(AudienceRule rule, int skip, int limit, CancellationToken cancel)
    {
        await using var connection = await Database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        var where = Where(command, rule);
        command.CommandText = $"SELECT s.id FROM subscribers s WHERE {where.Matched} ORDER BY s.id LIMIT @limit OFFSET @skip";
        command.Set("@limit", limit);
        command.Set("@skip", skip);
        return await ReadIdsAsync(command, cancel);
    }

    /// <summary>
    /// How many recipients have nothing (no value, or blanks only) in each of the fields, in their order. Walks the whole audience once:
    /// ask for all fields together.
    /// </summary>
    public abstract Task<IReadOnlyList<long>> CountBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, CancellationToken cancel);

    /// <summary>The names among <paramref name="names"/> that are no tag of the site.</summary>
    public abstract Task<IReadOnlyList<string>> UnknownTagsAsync(SiteId site, IReadOnlyList<string> names, CancellationToken cancel);

    private static async Task<IReadOnlyList<SubscriberId>> ReadIdsAsync(DbCommand command, CancellationToken cancel)
    {
        var ids = new List<SubscriberId>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            ids.Add(new SubscriberId(reader.GetInt64(0)));
        }

        return ids;
    }
}

/// <summary><c>first_name</c> or <c>last_name</c>, for which a custom field of that name stands in, or a custom field.</summary>
internal sealed record SubscriberField(string Name, bool IsCustom);
