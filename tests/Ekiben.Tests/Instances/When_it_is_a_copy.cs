using System.Diagnostics;
using Ekiben.Accounts;
using Ekiben.Broadcasts;
using Ekiben.Instances;
using Ekiben.Tests.Fixture;

namespace Ekiben.Tests.Instances;

/// <summary>A restored database, a copied folder or a second instance starts held, says so, and sends nothing until a person says it may.</summary>
public sealed class When_it_is_a_copy
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_restart_of_the_same_is_no_copy()
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(2);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        await app.App.RestartAsync();
        app.Site.Reconnect();

        await app.UntilStatusAsync(await app.SendAsync(), "sent");

        Assert.Null(app.App.Service<InstanceGuard>().Held);
    }

    [Theory]
    [InlineData("older database", "restored from a copy")]
    [InlineData("other owner", "used by another instance")]
    [InlineData("other owner alive", "Another instance (http://elsewhere) is running")]
    [InlineData("copied folder", "This data folder is a copy")]
    public async Task It_starts_held_says_why_and_sends_once_a_person_says_so(string how, string said)
    {
        await using var app = await SendingApp.StartAsync();
        await app.PeopleAsync(2);
        await app.UntilStatusAsync(await app.SendAsync(), "sent");
        await app.App.StopAsync();
        Assert.SkipUnless(how != "copied folder" || BirthTime.Of(Path.Combine(app.App.Options.DataFolder, "instance.json")) != 0, "this file system does not say when a file was made");
        Make(app, how);
        await app.App.StartAgainAsync();
        app.Site.Reconnect();
        var id = await app.SendAsync();

        var guard = app.App.Service<InstanceGuard>();
        var worker = app.App.Service<BroadcastsWorker>();
        await app.UntilAsync(id, _ => worker.Stopped is not null);
        Assert.Contains(said, worker.Stopped, StringComparison.Ordinal);
        Assert.Equal(2, app.Accepted.Count);

        await guard.AdoptAsync(new Actor("user:ann@example.com", true, true), Cancel);

        await app.UntilStatusAsync(id, "sent");
        Assert.Equal(4, app.Accepted.Count);
    }

    private static void Make(SendingApp app, string how)
    {
        var folder = app.App.Options.DataFolder;
        switch (how)
        {
            case "older database":
                Sql(app, "UPDATE instance SET beat = beat - 2");
                break;
            case "other owner":
                Sql(app, "UPDATE instance SET owner = 'x', lease_until = 0");
                break;
            case "other owner alive":
                Sql(app, "UPDATE instance SET owner = 'x', lease_until = 99999999999999, address = 'http://elsewhere'");
                break;
            default:
                var (file, copy) = (Path.Combine(folder, "instance.json"), Path.Combine(folder, "copy.json"));
                using (var cp = Process.Start("cp", ["-a", file, copy]))
                {
                    cp.WaitForExit();
                }

                File.Move(copy, file, overwrite: true);
                break;
        }
    }

    private static void Sql(SendingApp app, string sql)
    {
        using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={app.App.Options.DatabaseFile};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        Assert.Equal(1, command.ExecuteNonQuery());
    }
}
