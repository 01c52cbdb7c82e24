namespace Ekiben.Storage;

/// <summary>Reads who a rule reaches. The freeze uses the same SQL (<see cref="SendQueue"/>), so a count and a freeze agree.</summary>
internal abstract partial class Audiences
{
    public abstract Task<AudienceCount> CountAsync(AudienceRule rule, CancellationToken cancel);

    /// <summary>Recipients in the order of their ids, after <paramref name="after"/>, at most <paramref name="limit"/>.</summary>
    public abstract Task<IReadOnlyList<SubscriberId>> SampleAsync(AudienceRule rule, SubscriberId after, int limit, CancellationToken cancel);

    /// <summary>Everybody the rule matches in the order of their ids, also those it would leave out: after <paramref name="skip"/>, at most <paramref name="limit"/>.</summary>
    public abstract Task<IReadOnlyList<SubscriberId>> MatchedAsync(AudienceRule rule, int skip, int limit, CancellationToken cancel);

    /// <summary>
    /// How many recipients have nothing (no value, or blanks only) in each of the fields, in their order. Walks the whole audience once:
    /// ask for all fields together.
    /// </summary>
    public abstract Task<IReadOnlyList<long>> CountBlankAsync(AudienceRule rule, IReadOnlyList<SubscriberField> fields, CancellationToken cancel);

    /// <summary>The names among <paramref name="names"/> that are no tag of the site.</summary>
    public abstract Task<IReadOnlyList<string>> UnknownTagsAsync(SiteId site, IReadOnlyList<string> names, CancellationToken cancel);
}

/// <summary><c>first_name</c> or <c>last_name</c>, for which a custom field of that name stands in, or a custom field.</summary>
internal sealed record SubscriberField(string Name, bool IsCustom);

/// <summary>The two expressions of a rule over <c>subscribers s</c> in one database's SQL: who matches, and the first reason that leaves a matched person out (0 = none).</summary>
internal abstract class AudienceSql
{
    public string Matched { get; protected init; } = "";

    public string Reason { get; protected init; } = "";

    /// <summary>True when a template finds nothing there, or blanks only.</summary>
    public abstract string IsBlank(SubscriberField field);
}
