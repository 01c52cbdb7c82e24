using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ekiben.Storage.Sqlite;

/// <summary>
/// A prepared statement with integer parameters, run without an object a call: for what every message costs, or every transaction.
/// Runs in whatever transaction its connection has open. Not thread-safe.
/// </summary>
/// <param name="connection">Open, and open longer than this.</param>
/// <param name="sql">One statement; its parameters are <c>?1</c>, <c>?2</c>, …. Prepared at its first use, when its tables are there.</param>
internal sealed class SqliteStatement(SqliteConnection connection, string sql) : IDisposable
{
    private sqlite3_stmt? _statement;

    /// <summary>Sets a parameter, counted from 1.</summary>
    public SqliteStatement Set(int parameter, long value)
    {
        Check(raw.sqlite3_bind_int64(Prepared(), parameter, value));
        return this;
    }

    /// <summary>Runs it to its end.</summary>
    /// <returns>Rows that it changed; triggers and foreign keys not counted.</returns>
    /// <exception cref="SqliteException">As the connection's own commands throw it.</exception>
    public int Run()
    {
        var statement = Prepared();
        var result = raw.sqlite3_step(statement);
        // What reset answers is what step answered.
        raw.sqlite3_reset(statement);
        if (result != raw.SQLITE_DONE)
        {
            SqliteException.ThrowExceptionForRC(result, connection.Handle);
        }

        return raw.sqlite3_changes(connection.Handle);
    }

    /// <summary>Runs it to its first row.</summary>
    /// <returns>That row's first column as an integer; null when there is no row.</returns>
    /// <exception cref="SqliteException">As the connection's own commands throw it.</exception>
    public long? Ask()
    {
        var statement = Prepared();
        var result = raw.sqlite3_step(statement);
        long? answer = result == raw.SQLITE_ROW ? raw.sqlite3_column_int64(statement, 0) : null;
        raw.sqlite3_reset(statement);
        Check(result);
        return answer;
    }

    public void Dispose() => _statement?.Dispose();

    private sqlite3_stmt Prepared()
    {
        if (_statement is null)
        {
            Check(raw.sqlite3_prepare_v2(connection.Handle, sql, out _statement));
        }

        return _statement!;
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, connection.Handle);
}
