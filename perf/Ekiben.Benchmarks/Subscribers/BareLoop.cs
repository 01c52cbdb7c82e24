using System.Globalization;
using System.Security.Cryptography;
using Ekiben.Storage;
using Ekiben.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Ekiben.Benchmarks.Subscribers;

/// <summary>The least that could write these rows: every statement prepared once, nothing looked up, nothing checked, one synced transaction a batch.</summary>
internal sealed class BareLoop : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly SiteId _site;
    private readonly long[] _tags;
    private readonly SqliteCommand _address;
    private readonly SqliteCommand _subscriber;
    private readonly SqliteCommand _tag;

    public BareLoop(SqliteDatabase database, SiteId site, int tags)
    {
        (_connection, _site) = (database.Connect(), site);
        _address = Prepare("INSERT INTO addresses (site_id, normalised, written, hash) VALUES (@site, @email, @email, @hash) RETURNING id", "@site", "@email", "@hash");
        _subscriber = Prepare(
            "INSERT INTO subscribers (site_id, uuid, address_id, first_name, last_name, fields, created_at, updated_at) VALUES (@site, @uuid, @address, 'Ann', 'Bell', '{\"plan\":\"pro\"}', 0, 0) RETURNING id",
            "@site", "@uuid", "@address");
        _tag = Prepare("INSERT INTO subscriber_tags (tag_id, subscriber_id) VALUES (@tag, @subscriber)", "@tag", "@subscriber");
        _tags = [.. Enumerable.Range(0, tags).Select(NewTag)];
    }

    public void Write(int batch, int rows)
    {
        using var transaction = _connection.BeginTransaction();
        (_address.Transaction, _subscriber.Transaction, _tag.Transaction) = (transaction, transaction, transaction);
        for (var row = 0; row < rows; row++)
        {
            var email = string.Create(CultureInfo.InvariantCulture, $"b{batch}-{row}@bare.example.com");
            var address = Run(_address, _site.Value, email, RandomNumberGenerator.GetBytes(16));
            var subscriber = Run(_subscriber, _site.Value, Guid.NewGuid().ToString("N"), address);
            foreach (var tag in _tags)
            {
                _tag.Parameters[0].Value = tag;
                _tag.Parameters[1].Value = subscriber;
                _tag.ExecuteNonQuery();
            }
        }

        transaction.Commit();
    }

    public void Dispose()
    {
        _address.Dispose();
        _subscriber.Dispose();
        _tag.Dispose();
        _connection.Dispose();
    }

    private long NewTag(int number)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = "INSERT INTO tags (site_id, name, created_at) VALUES (@site, @name, 0) RETURNING id";
        command.Parameters.AddWithValue("@site", _site.Value);
        command.Parameters.AddWithValue("@name", "bare" + number.ToString(CultureInfo.InvariantCulture));
        return (long)command.ExecuteScalar()!;
    }

    private SqliteCommand Prepare(string sql, params string[] parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var name in parameters)
        {
            command.Parameters.Add(new SqliteParameter { ParameterName = name, Value = DBNull.Value });
        }

        return command;
    }

    private static long Run(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters[i].Value = values[i];
        }

        return (long)command.ExecuteScalar()!;
    }
}
