using System.Buffers;
using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ekiben.Fields;
using Ekiben.Mail;
using Ekiben.Subscribers;
using Microsoft.EntityFrameworkCore.Storage;

namespace Ekiben.Storage;

/// <summary>
/// Writes people with hand-written SQL that both databases read: a handful of statements, prepared once and run for every record on the
/// transaction's own connection. It adds and changes; it never lifts an unsubscription or a suppression.
/// </summary>
internal sealed class SubscriberImport
{
    /// <summary>Records in one transaction at most, so that nobody waits long behind it.</summary>
    public const int MaxRecords = 1000;

    /// <summary>
    /// Makes or changes the people of <paramref name="records"/>, in their order, inside the transaction that <paramref name="db"/> has open.
    /// Tags and fields that the site does not have are made; a deleted tag that is given again comes back.
    /// </summary>
    public Task ImportAsync(Db db, SiteId site, IReadOnlyList<SubscriberRecord> records, DateTimeOffset now, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(records.Count, MaxRecords);
        var transaction = (db.Database.CurrentTransaction ?? throw new InvalidOperationException("an import needs an open transaction"))
            .GetDbTransaction();
        using var import = new Statements(transaction, site, now);
        foreach (var record in records)
        {
            cancel.ThrowIfCancellationRequested();
            import.Write(record);
        }

        return Task.CompletedTask;
    }

    /// <summary>The statements of one import, and the tags and fields it has met. Synchronous: SQLite's calls are, and a record's statements follow from each other.</summary>
    private sealed class Statements : IDisposable
    {
        private readonly DbTransaction _transaction;
        private readonly SiteId _site;
        private readonly DateTimeOffset _now;
        private readonly List<DbCommand> _commands = [];
        private readonly Dictionary<string, long> _tags = new(StringComparer.OrdinalIgnoreCase);
        private readonly HashSet<string> _fields = new(StringComparer.Ordinal);
        private readonly ArrayBufferWriter<byte> _json = new();

        private readonly DbCommand _find;
        private readonly DbCommand _addAddress;
        private readonly DbCommand _restoreAddress;
        private readonly DbCommand _addSubscriber;
        private readonly DbCommand _changeSubscriber;
        private readonly DbCommand _findTag;
        private readonly DbCommand _addTag;
        private readonly DbCommand _restoreTag;
        private readonly DbCommand _tagOn;
        private readonly DbCommand _tagOff;
        private readonly DbCommand _findSequences;
        private readonly DbCommand _enrol;
        private List<(string Tag, long Sequence)>? _enrolling;
        private readonly DbCommand _addField;

        public Statements(DbTransaction transaction, SiteId site, DateTimeOffset now)
        {
            (_transaction, _site, _now) = (transaction, site, now);

            // Of two people with one address the older is meant: a changed e-mail can bring that about.
            _find = Prepare("""
                SELECT a.id, s.id, s.fields, a.normalised = '' FROM addresses a
                LEFT JOIN subscribers s ON s.address_id = a.id AND s.site_id = a.site_id
                WHERE a.site_id = @site AND a.hash = @hash ORDER BY s.id LIMIT 1
                """, "@site", "@hash");
            _addAddress = Prepare(
                "INSERT INTO addresses (site_id, normalised, written, hash) VALUES (@site, @normalised, @written, @hash) RETURNING id",
                "@site", "@normalised", "@written", "@hash");
            _restoreAddress = Prepare("UPDATE addresses SET normalised = @normalised, written = @written WHERE id = @id", "@normalised", "@written", "@id");
            _addSubscriber = Prepare("""
                INSERT INTO subscribers (site_id, uuid, address_id, first_name, last_name, fields, created_at, updated_at)
                VALUES (@site, @uuid, @address, @first, @last, @fields, @now, @now) RETURNING id
                """, "@site", "@uuid", "@address", "@first", "@last", "@fields", "@now");
            _changeSubscriber = Prepare("""
                UPDATE subscribers SET first_name = COALESCE(@first, first_name), last_name = COALESCE(@last, last_name),
                    fields = COALESCE(@fields, fields), updated_at = @now
                WHERE id = @id
                """, "@first", "@last", "@fields", "@now", "@id");
            _findTag = Prepare(
                "SELECT id, discarded_at IS NOT NULL FROM tags WHERE site_id = @site AND lower(name) = @name ORDER BY id LIMIT 1", "@site", "@name");
            _addTag = Prepare("INSERT INTO tags (site_id, name, created_at) VALUES (@site, @name, @now) RETURNING id", "@site", "@name", "@now");
            _restoreTag = Prepare("UPDATE tags SET discarded_at = NULL WHERE id = @id", "@id");
            _tagOn = Prepare("INSERT INTO subscriber_tags (tag_id, subscriber_id) VALUES (@tag, @subscriber) ON CONFLICT DO NOTHING", "@tag", "@subscriber");
            _tagOff = Prepare("DELETE FROM subscriber_tags WHERE tag_id = @tag AND subscriber_id = @subscriber", "@tag", "@subscriber");
            _findSequences = Prepare("SELECT enrol_tag, id FROM sequences WHERE site_id = @site AND enrol_tag IS NOT NULL", "@site");
            _enrol = Prepare("""
                INSERT INTO enrolments (site_id, sequence_id, subscriber_id, position, state, since_at) VALUES (@site, @sequence, @subscriber, 0, 'active', @now)
                ON CONFLICT DO NOTHING
                """, "@site", "@sequence", "@subscriber", "@now");
            _addField = Prepare(
                "INSERT INTO fields (site_id, key, name, created_at) VALUES (@site, @key, @name, @now) ON CONFLICT DO NOTHING", "@site", "@key", "@name", "@now");
        }

        public void Write(SubscriberRecord record)
        {
            var subscriber = WritePerson(record);
            foreach (var (key, _) in record.Fields)
            {
                if (_fields.Add(key))
                {
                    Run(_addField, _site.Value, key, FieldName.Of(key), _now.ToStored());
                }
            }

            foreach (var tag in record.AddTags)
            {
                if (Run(_tagOn, TagId(tag, make: true)!.Value, subscriber) > 0)
                {
                    Enrol(tag, subscriber);
                }
            }

            foreach (var tag in record.RemoveTags)
            {
                if (TagId(tag, make: false) is { } id)
                {
                    Run(_tagOff, id, subscriber);
                }
            }
        }

        public void Dispose()
        {
            foreach (var command in _commands)
            {
                command.Dispose();
            }
        }

        private long WritePerson(SubscriberRecord record)
        {
            long? address = null, subscriber = null;
            string? stored = null;
            var blank = false;
            Bind(_find, _site.Value, record.Hash);
            using (var found = _find.ExecuteReader())
            {
                if (found.Read())
                {
                    address = found.GetInt64(0);
                    if (!found.IsDBNull(1))
                    {
                        (subscriber, stored) = (found.GetInt64(1), found.GetString(2));
                    }

                    blank = found.GetBoolean(3);
                }
            }

            address ??= Add(_addAddress, _site.Value, record.Address.Normalised, record.Address.Written, record.Hash);
            if (blank)
            {
                // Deleted once and given again; its suppression stays, so it still gets no mail.
                Run(_restoreAddress, record.Address.Normalised, record.Address.Written, address.Value);
            }

            if (subscriber is { } existing)
            {
                Run(_changeSubscriber, Storable(record.FirstName), Storable(record.LastName), record.Fields.Count == 0 ? null : Merge(stored!, record.Fields), _now.ToStored(), existing);
                return existing;
            }

            return Add(
                _addSubscriber, _site.Value, Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture), address.Value,
                Storable(record.FirstName), Storable(record.LastName), Merge("{}", record.Fields), _now.ToStored());
        }

        private long? TagId(string name, bool make)
        {
            if (_tags.TryGetValue(name, out var known))
            {
                return known;
            }

            long? id = null;
            var discarded = false;
            Bind(_findTag, _site.Value, Words.AsciiLower(name));
            using (var found = _findTag.ExecuteReader())
            {
                if (found.Read())
                {
                    (id, discarded) = (found.GetInt64(0), found.GetBoolean(1));
                }
            }

            if (!make)
            {
                // Not remembered: a later record may add it, and must then bring it back.
                return id;
            }

            id ??= Add(_addTag, _site.Value, name, _now.ToStored());
            if (discarded)
            {
                Run(_restoreTag, id.Value);
            }

            return _tags[name] = id.Value;
        }

        /// <summary>The stored object with the given keys put in or, for null, taken out. Values keep their JSON type.</summary>
        private string Merge(string stored, IReadOnlyList<KeyValuePair<string, JsonElement>> fields)
        {
            if (fields.Count == 0)
            {
                return stored;
            }

            _json.ResetWrittenCount();
            var given = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (var (key, value) in fields)
            {
                given[key] = value;
            }

            using (var writer = new Utf8JsonWriter(_json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            using (var before = JsonDocument.Parse(stored))
            {
                writer.WriteStartObject();
                foreach (var property in before.RootElement.EnumerateObject().Where(property => !given.ContainsKey(property.Name)))
                {
                    property.WriteTo(writer);
                }

                foreach (var (key, value) in given.Where(field => field.Value.ValueKind != JsonValueKind.Null))
                {
                    writer.WritePropertyName(key);
                    if (value.ValueKind == JsonValueKind.String && value.GetString() is { } text && text.Contains('\0', StringComparison.Ordinal))
                    {
                        writer.WriteStringValue(Storable(text));
                        continue;
                    }

                    value.WriteTo(writer);
                }

                writer.WriteEndObject();
            }

            return Encoding.UTF8.GetString(_json.WrittenSpan);
        }

        /// <summary>PostgreSQL's texts cannot hold U+0000, and no name needs it.</summary>
        private static string? Storable(string? text) => text?.Replace("\0", "", StringComparison.Ordinal);

        private DbCommand Prepare(string sql, params string[] parameters)
        {
            var command = _transaction.Connection!.CreateCommand();
            command.Transaction = _transaction;
            command.CommandText = sql;
            foreach (var name in parameters)
            {
                command.Set(name, null);
            }

            _commands.Add(command);
            return command;
        }

        private static void Bind(DbCommand command, params ReadOnlySpan<object?> values)
        {
            for (var i = 0; i < values.Length; i++)
            {
                command.Parameters[i].Value = values[i] ?? DBNull.Value;
            }
        }

        /// <summary>Whoever gets a tag that a sequence waits for is enrolled in the same transaction, once for each.</summary>
        private void Enrol(string tag, long subscriber)
        {
            if (_enrolling is null)
            {
                _enrolling = [];
                Bind(_findSequences, _site.Value);
                using var found = _findSequences.ExecuteReader();
                while (found.Read())
                {
                    _enrolling.Add((found.GetString(0), found.GetInt64(1)));
                }
            }

            foreach (var (_, sequence) in _enrolling.Where(one => one.Tag == Words.AsciiLower(tag)))
            {
                Run(_enrol, _site.Value, sequence, subscriber, _now.ToStored());
            }
        }

        private static int Run(DbCommand command, params ReadOnlySpan<object?> values)
        {
            Bind(command, values);
            return command.ExecuteNonQuery();
        }

        private static long Add(DbCommand command, params ReadOnlySpan<object?> values)
        {
            Bind(command, values);
            return (long)command.ExecuteScalar()!;
        }
    }
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
