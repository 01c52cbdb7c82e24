using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using Ekiben.Broadcasts;

namespace Ekiben.Storage;

/// <summary>The people behind an audience's numbers, as they are today. One text for each database; only the rule's expressions differ.</summary>
internal abstract partial class Audiences
{
    /// <summary>Subscriber ids that one statement of a walk covers: the rows of a page are held in memory, and tag look-ups keep to its range.</summary>
    private const int WalkRange = 5_000;

    protected abstract Database Database { get; }

    /// <summary>The names of a person's tags <c>t.name</c> in one text, separated by U+001F.</summary>
    protected abstract string JoinedTagNames { get; }

    protected abstract AudienceSql Where(DbCommand command, AudienceRule rule, AudienceReach reach = AudienceReach.Everybody);

    /// <summary>
    /// Everybody who would be a recipient now, in the order of their ids, page by page in constant memory: one person an address, the one with
    /// the lowest id, as the freeze takes them. Each comes ready to have their message made.
    /// </summary>
    public async IAsyncEnumerable<IReadOnlyList<Candidate>> WalkAsync(
        BroadcastId broadcast, AudienceRule rule, [EnumeratorCancellation] CancellationToken cancel)
    {
        long top;
        await using (var connection = await Database.ConnectAsync(cancel))
        {
            (_, top) = await IdsOfAsync(connection, rule.Site, cancel);
        }

        for (long from = 0; from < top; from += WalkRange)
        {
            var page = await ReadRangeAsync(broadcast, rule, from, Math.Min(from + WalkRange, top), cancel);
            if (page.Count > 0)
            {
                yield return page;
            }
        }
    }

    /// <summary>The people of one number of a waterfall, after <paramref name="after"/>, in the order of their ids; a page of recipients may be shorter where people share addresses.</summary>
    public async Task<AudiencePage> ListAsync(AudienceRule rule, AudienceGroup group, SubscriberId after, int limit, CancellationToken cancel)
    {
        var people = group is AudienceGroup.Duplicate ? await ListDuplicatesAsync(rule, after, limit, cancel) : await ReadRangesAsync(rule, after, limit, where => $"""
            SELECT s.id, COALESCE(a.written, ''), s.first_name, s.last_name, s.address_id, {SharesAddress}
            FROM subscribers s LEFT JOIN addresses a ON a.id = s.address_id
            WHERE {where.Matched}{Condition(group, where)} ORDER BY s.id LIMIT @limit
            """, ReadPerson, cancel);
        var list = new List<AudiencePerson>(people.Count);
        foreach (var (person, address, shares) in people)
        {
            if (group is not AudienceGroup.Recipients || !shares || await FirstWithAddressAsync(rule, address, cancel) == person.Id)
            {
                list.Add(person);
            }
        }

        return new AudiencePage(list, people.Count == limit ? people[^1].Person.Id : null);
    }

    /// <summary>Only who shares an address needs the others beside them: "n" counts those, the lowest id, which is the recipient, first.</summary>
    private Task<IReadOnlyList<FoundPerson>> ListDuplicatesAsync(AudienceRule rule, SubscriberId after, int limit, CancellationToken cancel) => Database.ReadLongAsync<IReadOnlyList<FoundPerson>>(async connection =>
    {
        await using var command = connection.CreateCommand();
        var where = Where(command, rule);
        command.CommandText = $"""
            SELECT p.id, COALESCE(a.written, ''), p.first_name, p.last_name, p.address_id, 0 FROM (
                SELECT s.id, s.address_id, s.first_name, s.last_name, ROW_NUMBER() OVER (PARTITION BY s.address_id ORDER BY s.id) AS n
                FROM subscribers s WHERE {where.Matched} AND {where.Reason} = 0
            ) AS p LEFT JOIN addresses a ON a.id = p.address_id
            WHERE p.id > @after AND p.n > 1 ORDER BY p.id LIMIT @limit
            """;
        command.Set("@after", after.Value);
        command.Set("@limit", limit);
        var people = new List<FoundPerson>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            people.Add(ReadPerson(reader));
        }

        return people;
    }, cancel);

    private static FoundPerson ReadPerson(DbDataReader reader) => new(
        new AudiencePerson(new SubscriberId(reader.GetInt64(0)), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3)),
        new AddressId(reader.GetInt64(4)),
        reader.GetInt32(5) == 1);

    /// <summary>The first recipient after <paramref name="after"/> who has nothing in one of the fields; null when there is none.</summary>
    public async Task<SubscriberId?> FindBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, SubscriberId after, CancellationToken cancel)
    {
        if (fields.Count == 0)
        {
            return null;
        }

        return await ReadRangesAsync(rule, after, 1, where => $"""
            SELECT s.id FROM subscribers s
            WHERE {where.Matched} AND {where.Reason} = 0 AND ({string.Join(" OR ", fields.Select(where.IsBlank))})
            ORDER BY s.id LIMIT @limit
            """, ReadId, cancel) is [var first] ? first : null;
    }

    /// <summary>Whether the person would be a recipient now. Of people who share an address each counts as one.</summary>
    public async Task<bool> ReachesAsync(AudienceRule rule, SubscriberId person, CancellationToken cancel) =>
        await StandingAsync(rule, person, cancel) is { Matches: true, LeftOut: null };

    /// <summary>How the rule takes one person now. Of people who share an address each stands for themselves.</summary>
    public async Task<Standing> StandingAsync(AudienceRule rule, SubscriberId person, CancellationToken cancel)
    {
        await using var connection = await Database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        var where = Where(command, rule, AudienceReach.Few);
        command.CommandText = $"SELECT {where.Reason} FROM subscribers s WHERE s.id = @person AND {where.Matched}";
        command.Set("@person", person.Value);
        var reason = await command.ExecuteScalarAsync(cancel);
        return reason is null ? new Standing(false, null) : new Standing(true, Convert.ToInt32(reason, CultureInfo.InvariantCulture) is var number and not 0 ? (LeftOutReason)number : null);
    }

    /// <summary>1 when somebody with a lower id has the same address, whether they are in the audience or not.</summary>
    private const string SharesAddress =
        "CASE WHEN EXISTS (SELECT 1 FROM subscribers d WHERE d.address_id = s.address_id AND d.id < s.id) THEN 1 ELSE 0 END";

    private static string Condition(AudienceGroup group, AudienceSql where) => group switch
    {
        AudienceGroup.Matched => "",
        AudienceGroup.Excluded => $" AND {where.Reason} = 1",
        AudienceGroup.Unsubscribed => $" AND {where.Reason} = 2",
        AudienceGroup.Suppressed => $" AND {where.Reason} = 3",
        AudienceGroup.Recipients => $" AND {where.Reason} = 0",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, "not a group of one reason"),
    };

    private async Task<IReadOnlyList<Candidate>> ReadRangeAsync(BroadcastId broadcast, AudienceRule rule, long from, long to, CancellationToken cancel)
    {
        await using var connection = await Database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        var where = Where(command, rule, AudienceReach.Range);
        command.CommandText = $"""
            SELECT s.id, s.address_id, COALESCE(a.normalised, ''), s.uuid, s.first_name, s.last_name, s.fields,
                   (SELECT {JoinedTagNames} FROM subscriber_tags st JOIN tags t ON t.id = st.tag_id WHERE st.subscriber_id = s.id AND t.discarded_at IS NULL),
                   {SharesAddress}
            FROM subscribers s LEFT JOIN addresses a ON a.id = s.address_id
            WHERE {where.Matched} AND {where.Reason} = 0 ORDER BY s.id
            """;
        command.Set("@from", from);
        command.Set("@to", to);
        var people = new List<Candidate>();
        var sharing = new HashSet<SubscriberId>();
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                var person = Read(broadcast, rule.Site, reader);
                people.Add(person);
                if (reader.GetInt32(8) == 1)
                {
                    sharing.Add(person.Subscriber);
                }
            }
        }

        // Few share an address, so each is looked up.
        foreach (var person in people.Where(person => sharing.Contains(person.Subscriber)).ToList())
        {
            if (await FirstWithAddressAsync(rule, person.Address, cancel) != person.Subscriber)
            {
                people.Remove(person);
            }
        }

        return people;
    }

    /// <summary>The one of the people who share an address that is the recipient; default when none of them is.</summary>
    public async Task<SubscriberId> FirstWithAddressAsync(AudienceRule rule, AddressId address, CancellationToken cancel)
    {
        await using var connection = await Database.ConnectAsync(cancel);
        await using var command = connection.CreateCommand();
        var where = Where(command, rule, AudienceReach.Few);
        command.CommandText = $"SELECT MIN(s.id) FROM subscribers s WHERE s.address_id = @address AND {where.Matched} AND {where.Reason} = 0";
        command.Set("@address", address.Value);
        return await command.ExecuteScalarAsync(cancel) is long id ? new SubscriberId(id) : default;
    }

    private static Candidate Read(BroadcastId broadcast, SiteId site, DbDataReader reader) => new()
    {
        Shard = new TakenShard(default, broadcast, site, 0, default, default, 0),
        Subscriber = new SubscriberId(reader.GetInt64(0)),
        Address = new AddressId(reader.GetInt64(1)),
        Attempts = 0,
        FirstAt = null,
        Email = reader.GetString(2),
        Uuid = reader.GetString(3),
        FirstName = reader.IsDBNull(4) ? null : reader.GetString(4),
        LastName = reader.IsDBNull(5) ? null : reader.GetString(5),
        Fields = reader.GetString(6),
        Tags = reader.IsDBNull(7) ? [] : reader.GetString(7).Split('\u001f'),
    };
}

/// <summary>Somebody whom a rule matches.</summary>
/// <param name="Id">Who.</param>
/// <param name="Email">As it was written; empty when the person was deleted.</param>
/// <param name="FirstName">Null when unknown.</param>
/// <param name="LastName">Null when unknown.</param>
internal sealed record AudiencePerson(SubscriberId Id, string Email, string? FirstName, string? LastName);

/// <summary>Such a person as a list reads them. <paramref name="Shares"/>: somebody with a lower id has the address too.</summary>
internal sealed record FoundPerson(AudiencePerson Person, AddressId Address, bool Shares);

/// <summary>A page of such people; the next begins after <paramref name="Next"/>, null at the end.</summary>
internal sealed record AudiencePage(IReadOnlyList<AudiencePerson> People, SubscriberId? Next);

/// <summary>How a rule takes one person: whether it matches them, and the first reason that leaves them out, null for none.</summary>
internal sealed record Standing(bool Matches, LeftOutReason? LeftOut);

/// <summary>The numbers of a waterfall before the freeze.</summary>
internal enum AudienceGroup
{
    Matched,
    Excluded,
    Unsubscribed,
    Suppressed,
    Duplicate,
    Recipients,
}
