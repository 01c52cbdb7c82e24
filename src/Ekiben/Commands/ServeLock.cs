using System.Text.Json;

namespace Ekiben.Commands;

/// <summary>
/// One server a data folder (ledger.md rule 19): an exclusive lock of the operating system on <c>ekiben.lock</c>, gone with its process
/// however that ends. Beside it <c>ekiben.server.json</c> says who holds it, for people and for the commands that work on the same folder.
/// </summary>
internal sealed class ServeLock : IDisposable
{
    private readonly FileStream _lock;
    private readonly string _holderFile;
    private readonly EkibenOptions _options;

    private ServeLock(FileStream held, EkibenOptions options)
    {
        (_lock, _options, _holderFile) = (held, options, HolderFile(options.DataFolder));
        Announce(options.Urls);
    }

    /// <summary>Takes the lock before anything in the folder is read or changed.</summary>
    /// <exception cref="CommandFailure">Somebody else has it; the sentence names their process and address.</exception>
    public static async Task<ServeLock> TakeAsync(EkibenOptions options, CancellationToken cancel)
    {
        DataFolder.MakeUsable(options.DataFolder);
        // A command that only looks has the file for a moment; a server keeps it.
        for (var tries = 0; tries < 5; tries++)
        {
            if (TryOpen(LockFile(options.DataFolder), FileAccess.ReadWrite, FileShare.None) is { } held)
            {
                return new ServeLock(held, options);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), options.Clock, cancel);
        }

        var holder = ReadHolderFile(options.DataFolder);
        var who = holder is null ? "" : $" (process {holder.Pid}, {holder.Address})";
        throw new CommandFailure($"a server is running on {options.DataFolder} already{who}");
    }

    /// <summary>The server that runs on the folder now, null when none does.</summary>
    public static ServeHolder? ReadHolder(string dataFolder)
    {
        var file = LockFile(dataFolder);
        if (!File.Exists(file))
        {
            return null;
        }

        // Shared, so that commands that look at the same time do not take each other for a server.
        using var free = TryOpen(file, FileAccess.Read, FileShare.Read);
        return free is null ? ReadHolderFile(dataFolder) : null;
    }

    /// <summary>Writes where this server can be reached, whole or not at all.</summary>
    public void Announce(string address)
    {
        var aside = _holderFile + ".new";
        var holder = new ServeHolder(Environment.ProcessId, address, _options.PublicUrl?.ToString(), _options.Relay?.ToString());
        File.WriteAllText(aside, CommandOutput.Json(holder) + "\n");
        File.Move(aside, _holderFile, overwrite: true);
    }

    public void Dispose()
    {
        // Before the lock goes: afterwards the file may already be the next server's.
        File.Delete(_holderFile);
        _lock.Dispose();
    }

    private static string LockFile(string folder) => Path.Combine(folder, "ekiben.lock");

    private static string HolderFile(string folder) => Path.Combine(folder, "ekiben.server.json");

    /// <summary>The open, locked file; null when another process has it.</summary>
    internal static FileStream? TryOpen(string file, FileAccess access, FileShare share)
    {
        try
        {
            return new FileStream(file, access == FileAccess.Read ? FileMode.Open : FileMode.OpenOrCreate, access, share);
        }
        catch (IOException taken) when (MeansTaken(taken))
        {
            return null;
        }
    }

    // EWOULDBLOCK on Linux and macOS, ERROR_SHARING_VIOLATION on Windows: any other failure is the folder's and is said as such.
    private static bool MeansTaken(IOException e) => e.HResult is 11 or 35 or unchecked((int)0x80070020);

    private static ServeHolder? ReadHolderFile(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize<ServeHolder>(File.ReadAllText(HolderFile(folder)), CommandOutput.SnakeCase);
        }
        catch (Exception missing) when (missing is IOException or JsonException)
        {
            // The holder has not written it yet, or writes it just now: the lock alone is what counts.
            return null;
        }
    }
}

/// <summary>Who serves a data folder; the relay is without its password, which is enough to judge whether a site can send.</summary>
internal sealed record ServeHolder(int Pid, string Address, string? PublicUrl, string? Relay);
