using System.ComponentModel;
using System.Diagnostics;
using Ekiben.Storage;
using Ekiben.Storage.Sqlite;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Faults;

/// <summary>A file system of its own for the data folder, small enough to be filled. Mounting it takes root.</summary>
public class When_the_disk_is_full
{
    private const int People = 400;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_new_is_sent_until_there_is_space_and_then_nobody_is_lost_or_repeated()
    {
        using var disk = await SmallDisk.MountAsync(Cancel);
        await using var app = await SendingApp.StartAsync(["dot:delay=5"], connections: 4, folder: disk.Folder);
        await app.PeopleAsync(People);
        var id = await app.SendAsync();
        for (var time = 1; time <= 3; time++)
        {
            await app.UntilAsync(id, receipt => receipt.Number("accepted") > time * 60);
            var queue = app.App.Service<SendQueue>();
            await app.UntilAsync(id, _ =>
            {
                disk.Fill();
                // What the log has is given back to the disk, and taken at once: the next commit needs space that is not there.
                Checkpoint(app);
                disk.Fill();
                return queue.Blind is not null;
            });
            var sent = app.Sink.Counters.Accepted;
            // The reads below take their time; messages that were on the wire may still come to their end, and no others.
            for (var look = 0; look < 60; look++)
            {
                disk.Fill();
                Assert.Equal("sending", (await app.ReceiptAsync(id)).GetProperty("status").GetString());
            }

            Assert.InRange(app.Sink.Counters.Accepted, sent, sent + 4);
            // The worker takes it up with its next look.
            var health = 0;
            for (var look = 0; look < 2_000 && health != 503; look++)
            {
                disk.Fill();
                health = (int)(await app.Site.GetAsync("/health")).Status;
            }

            Assert.Equal(503, health);
            disk.Free();
        }

        var receipt = await app.UntilStatusAsync(id, "sent");
        Assert.Equal((People, 0), (receipt.Number("accepted"), receipt.Number("uncertain_ever")));
        Assert.Equal(People, app.Accepted.Count);
        Assert.True(receipt.IsBalanced());
    }

    private static void Checkpoint(SendingApp app)
    {
        using var connection = app.App.Service<SqliteDatabase>().Connect();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        try
        {
            command.ExecuteNonQuery();
        }
        catch (Microsoft.Data.Sqlite.SqliteException exception) when (exception.SqliteErrorCode is 5 or 10 or 13)
        {
            // Busy, or full already: then the next commit will say so.
        }
    }

    /// <summary>A tmpfs of 24 MiB.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly TemporaryFolder _at = new();

        public string Folder => _at.File("data");

        public static async Task<SmallDisk> MountAsync(CancellationToken cancel)
        {
            var disk = new SmallDisk();
            if (await RunAsync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk._at.Path], cancel) is { } problem)
            {
                disk._at.Dispose();
                Assert.Skip($"no file system of its own can be mounted here: {problem}");
            }

            return disk;
        }

        /// <summary>Writes until nothing more fits, not a byte.</summary>
        public void Fill()
        {
            foreach (var size in (int[])[1 << 20, 4096, 1])
            {
                try
                {
                    using var ballast = new FileStream(_at.File("ballast"), FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
                    var block = new byte[size];
                    while (true)
                    {
                        ballast.Write(block);
                    }
                }
                catch (IOException)
                {
                    // Full for blocks of this size.
                }
            }
        }

        public void Free() => File.Delete(_at.File("ballast"));

        public void Dispose()
        {
            using var unmount = Process.Start("umount", ["-l", _at.Path]);
            unmount.WaitForExit();
            _at.Dispose();
        }

        private static async Task<string?> RunAsync(string program, string[] arguments, CancellationToken cancel)
        {
            try
            {
                using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
                var errors = await process.StandardError.ReadToEndAsync(cancel);
                await process.WaitForExitAsync(cancel);
                return process.ExitCode == 0 ? null : errors.Trim();
            }
            catch (Win32Exception missing)
            {
                return missing.Message;
            }
        }
    }
}
