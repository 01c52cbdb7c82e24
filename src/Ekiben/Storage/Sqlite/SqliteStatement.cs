using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ekiben.Storage.Sqlite;

/// <summary>
/// A prepared statement with integer parameters, run without an object a call: for the two statements that every message costs.
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
        if (_statement is null)
        {
            Check(raw.sqlite3_prepare_v2(connection.Handle, sql, out _statement));
        }

        Check(raw.sqlite3_bind_int64(_statement, parameter, value));
        return this;
    }

    /// <summary>Runs it to its end.</summary>
    /// <returns>Rows that it changed; triggers and foreign keys not counted.</returns>
    /// <exception cref="SqliteException">As the connection's own commands throw it.</exception>
    public int Run()
    {
        var result = raw.sqlite3_step(_statement);
        // What reset answers is what step answered.
        raw.sqlite3_reset(_statement);
        if (result != raw.SQLITE_DONE)
        {
            SqliteException.ThrowExceptionForRC(result, connection.Handle);
        }

        return raw.sqlite3_changes(connection.Handle);
    }

    public void Dispose() => _statement?.Dispose();

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, connection.Handle);
}
