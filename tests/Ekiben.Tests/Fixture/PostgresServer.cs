using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Ekiben.Tests.Fixture;

/// <summary>
/// A PostgreSQL of the tests' own: a fresh cluster in a temporary folder, on a free port of the loopback, stopped and removed at the end.
/// The machine's own cluster is never used. As root it runs as the user that Debian's package makes, since PostgreSQL refuses root.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const string Binaries = "/usr/lib/postgresql/15/bin";

    private readonly string _folder;
    private readonly int _port;
    private int _databases;

    private PostgresServer(string folder, int port) => (_folder, _port) = (folder, port);

    private string Cluster => Path.Combine(_folder, "cluster");

    public static async Task<PostgresServer> StartAsync(CancellationToken cancel)
    {
        Assert.True(File.Exists(Path.Combine(Binaries, "initdb")), "PostgreSQL 15 is missing: ./test installs postgresql-15");
        var server = new PostgresServer(Directory.CreateTempSubdirectory("ekiben-pg-").FullName, FreePort());
        await RunAsync("chmod", ["755", server._folder], cancel);
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", ["postgres", server._folder], cancel);
        }

        await server.AsOwnerAsync("initdb", ["-D", server.Cluster, "-A", "trust", "-U", "ekiben", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], cancel);
        await server.ControlAsync("start", cancel);
        return server;
    }

    /// <summary>A new, empty database; its connection string.</summary>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancel)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}");
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await connection.OpenAsync(cancel);
        await using var command = connection.CreateCommand();
        command.CommandText = $"CREATE DATABASE {name}";
        await command.ExecuteNonQueryAsync(cancel);
        // Few connections each: many tests share the server's hundred.
        return ConnectionString(name) + ";Maximum Pool Size=12";
    }

    /// <summary>Every session is cut off, nothing is finished: the next start recovers from the log.</summary>
    public Task RestartImmediatelyAsync(CancellationToken cancel) => ControlAsync("restart", cancel);

    public async ValueTask DisposeAsync()
    {
        await AsOwnerAsync("pg_ctl", ["-D", Cluster, "-m", "immediate", "-w", "stop"], CancellationToken.None);
        Directory.Delete(_folder, recursive: true);
    }

    private string ConnectionString(string database) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={_port};Username=ekiben;Database={database}");

    private Task ControlAsync(string action, CancellationToken cancel) => AsOwnerAsync(
        "pg_ctl",
        ["-D", Cluster, "-m", "immediate", "-w", "-l", Path.Combine(_folder, "log"), "-o", $"-p {_port.ToString(CultureInfo.InvariantCulture)} -c listen_addresses=127.0.0.1 -c unix_socket_directories={_folder}", action],
        cancel);

    private Task AsOwnerAsync(string program, string[] arguments, CancellationToken cancel)
    {
        var path = Path.Combine(Binaries, program);
        return Environment.IsPrivilegedProcess
            ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", path, .. arguments], cancel)
            : RunAsync(path, arguments, cancel);
    }

    private static async Task RunAsync(string program, string[] arguments, CancellationToken cancel)
    {
        // Not redirected: the server that pg_ctl starts would keep the pipe open.
        var start = new ProcessStartInfo("sh", ["-c", "exec \"$@\" >/dev/null 2>&1", "sh", program, .. arguments]) { WorkingDirectory = "/" };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        await process.WaitForExitAsync(cancel);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>The server that the tests of one class share.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    internal PostgresServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
