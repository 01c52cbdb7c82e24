using System.Text.Json;
using Ekiben.Mail;
using Ekiben.Subscribers;

namespace Ekiben.Storage;

/// <summary>
/// Writes people with hand-written SQL: an import is a hot path. It adds and changes; it never lifts an unsubscription
/// or a suppression.
/// </summary>
internal abstract class SubscriberImport
{
    /// <summary>Records in one transaction at most, so that nobody waits long behind it.</summary>
    public const int MaxRecords = 1000;

    /// <summary>
    /// Makes or changes the people of <paramref name="records"/>, in their order, inside the transaction that <paramref name="db"/> has open.
    /// Tags and fields that the site does not have are made; a deleted tag that is given again comes back.
    /// </summary>
    public abstract Task ImportAsync(Db db, SiteId site, IReadOnlyList<SubscriberRecord> records, DateTimeOffset now, CancellationToken cancel);
}

/// <summary>What an import says about one person. Names that are null and fields that are not named stay as they are.</summary>
internal sealed record SubscriberRecord
{
    public required EmailAddress Address { get; init; }

    /// <summary>See <see cref="AddressHash"/>.</summary>
    public required byte[] Hash { get; init; }

    public string? FirstName { get; init; }

    public string? LastName { get; init; }

    public IReadOnlyList<string> AddTags { get; init; } = [];

    public IReadOnlyList<string> RemoveTags { get; init; } = [];

    /// <summary>Custom fields by key; JSON null takes the field away.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonElement>> Fields { get; init; } = [];
}
