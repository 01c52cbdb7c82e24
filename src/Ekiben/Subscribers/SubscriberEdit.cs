using System.Text.Json;
using System.Text.Json.Nodes;
using Ekiben.Broadcasts;
using Ekiben.Mail;
using Ekiben.Storage;
using Ekiben.Suppressions;
using Ekiben.Tags;
using Microsoft.EntityFrameworkCore;

namespace Ekiben.Subscribers;

/// <summary>What a person at the platform typed of somebody. Texts that are blank take away what was there.</summary>
internal sealed record SubscriberForm(string Email, string? FirstName, string? LastName, IReadOnlyList<KeyValuePair<string, string>> Fields, IReadOnlyList<string> Tags);

/// <summary>Makes and changes one person by hand, by the same statements as the API, inside the transaction that the caller has open.</summary>
internal sealed class SubscriberEdit(SubscriberImport import, InstanceKey key, TimeProvider clock)
{
    /// <summary>Makes somebody new; who is there already is not changed.</summary>
    /// <returns>The id, or one sentence on what to mend.</returns>
    public async Task<(SubscriberId? Id, string? Problem)> AddAsync(Db db, SiteId site, SubscriberForm form, CancellationToken cancel)
    {
        if (!TryRead(form, null, [], out var record, out var problem))
        {
            return (null, problem);
        }

        if (await db.Subscribers.Where(s => s.Address.Hash == record!.Hash).Select(s => (SubscriberId?)s.Id).FirstOrDefaultAsync(cancel) is not null)
        {
            return (null, "Somebody with this address is here already.");
        }

        var changes = new SubscriberChanges(import, db, site, clock.GetUtcNow());
        changes.Say(record!);
        return ((await changes.WriteAsync(cancel))[Convert.ToHexString(record!.Hash)], null);
    }

    /// <summary>Makes somebody as the form says, tags and fields that it does not name included: they go.</summary>
    /// <returns>One sentence on what to mend, or null.</returns>
    public async Task<string?> ChangeAsync(Db db, SiteId site, SubscriberId id, SubscriberForm form, CancellationToken cancel)
    {
        var person = await db.Subscribers.Include(s => s.Address).FirstOrDefaultAsync(s => s.Id == id, cancel);
        if (person is null || person.Address.Normalised.Length == 0)
        {
            return "This person is gone.";
        }

        var had = await db.TagNamesOfAsync(id, cancel);
        if (!TryRead(form, person, had, out var record, out var problem))
        {
            return problem;
        }

        var changes = new SubscriberChanges(import, db, site, clock.GetUtcNow());
        var before = record! with { Address = Read(person.Address.Normalised), Hash = person.Address.Hash };
        changes.Say(before);
        await changes.WriteAsync(cancel);
        if (record.Hash.AsSpan().SequenceEqual(person.Address.Hash) == false)
        {
            if (await db.Subscribers.AnyAsync(s => s.Address.Hash == record.Hash, cancel))
            {
                return "Somebody else has this address.";
            }

            await changes.ChangeEmailAsync(new SubscriberRecord { Address = before.Address, Hash = before.Hash }, record.Address, record.Hash, cancel);
        }

        // An import leaves a name that is not given as it was.
        var (first, last) = (Blank(form.FirstName), Blank(form.LastName));
        await db.Subscribers.Where(s => s.Id == id).ExecuteUpdateAsync(set => set.SetProperty(s => s.FirstName, first).SetProperty(s => s.LastName, last), cancel);
        return null;
    }

    public Task<int> SubscribeAsync(Db db, SubscriberId id, bool subscribed, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        return db.Subscribers.Where(s => s.Id == id).ExecuteUpdateAsync(
            set => set.SetProperty(s => s.UnsubscribedAt, subscribed ? null : now).SetProperty(s => s.UpdatedAt, now), cancel);
    }

    /// <summary>Puts the address on the list of those that get no mail, or takes it off.</summary>
    public async Task SuppressAsync(Db db, SiteId site, AddressId address, bool suppressed, CancellationToken cancel)
    {
        await db.Suppressions.Where(s => s.AddressId == address).ExecuteDeleteAsync(cancel);
        if (suppressed)
        {
            db.Suppressions.Add(new Suppression { SiteId = site, AddressId = address, Reason = SuppressionReason.Manual, CreatedAt = clock.GetUtcNow() });
        }
    }

    private bool TryRead(SubscriberForm form, Subscriber? person, IReadOnlyList<string> had, out SubscriberRecord? record, out string? problem)
    {
        record = null;
        if (!EmailAddress.TryParse(form.Email, out var address, out problem))
        {
            return false;
        }

        if (new[] { form.FirstName, form.LastName }.Any(name => name?.Length > SubscriberItemReader.MaxNameLength || name?.Any(char.IsControl) == true))
        {
            problem = $"A name has at most {SubscriberItemReader.MaxNameLength} characters and no control characters.";
            return false;
        }

        problem = form.Tags.Select(TagNames.Fault).FirstOrDefault(fault => fault is not null)
            ?? form.Fields.Select(field => Fields.FieldName.Fault(field.Key)).FirstOrDefault(fault => fault is not null);
        if (problem is not null)
        {
            return false;
        }

        if (form.Tags.Count > SubscriberItemReader.MaxTags || form.Fields.Count > SubscriberItemReader.MaxFields
            || form.Fields.Sum(field => field.Key.Length + field.Value.Length) > SubscriberItemReader.MaxFieldBytes / 4)
        {
            problem = "That is more than one person can carry.";
            return false;
        }

        record = new SubscriberRecord
        {
            Address = address,
            Hash = AddressHash.Of(key, address.Normalised),
            FirstName = Blank(form.FirstName),
            LastName = Blank(form.LastName),
            AddTags = [.. form.Tags],
            RemoveTags = [.. had.Where(tag => !form.Tags.Contains(tag, StringComparer.OrdinalIgnoreCase))],
            Fields = [.. Changed(form.Fields, person)],
        };
        return true;
    }

    /// <summary>What differs from what is stored; a value that reads as before keeps its JSON type.</summary>
    private static IEnumerable<KeyValuePair<string, JsonElement>> Changed(IReadOnlyList<KeyValuePair<string, string>> given, Subscriber? person)
    {
        var stored = person is null ? [] : SubscriberFields.Read(person.Fields);
        foreach (var (name, text) in given)
        {
            if (stored.FirstOrDefault(field => field.Key == name) is not { Key: not null } before || before.Value != text)
            {
                yield return KeyValuePair.Create(name, Element(text.Length == 0 ? null : JsonValue.Create(text)));
            }
        }

        foreach (var gone in stored.Where(field => !given.Any(now => now.Key == field.Key)))
        {
            yield return KeyValuePair.Create(gone.Key, Element(null));
        }
    }

    private static JsonElement Element(JsonNode? node)
    {
        using var document = JsonDocument.Parse(node?.ToJsonString() ?? "null");
        return document.RootElement.Clone();
    }

    private static EmailAddress Read(string normalised) =>
        EmailAddress.TryParse(normalised, out var address, out var fault) ? address : throw new InvalidOperationException("a stored address cannot be read: " + fault);

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}

/// <summary>The custom fields of somebody as texts.</summary>
internal static class SubscriberFields
{
    /// <summary>By name; a value that is no text stands as its JSON.</summary>
    public static List<KeyValuePair<string, string>> Read(string json)
    {
        using var document = JsonDocument.Parse(json);
        return
        [
            .. document.RootElement.EnumerateObject()
                .Select(field => KeyValuePair.Create(field.Name, field.Value.ValueKind == JsonValueKind.String ? field.Value.GetString()! : field.Value.GetRawText()))
                .OrderBy(field => field.Key, StringComparer.Ordinal),
        ];
    }
}
