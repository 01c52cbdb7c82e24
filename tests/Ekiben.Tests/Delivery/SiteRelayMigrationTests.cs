using Ekiben.Storage;
using Ekiben.Storage.Sqlite;
using Ekiben.Tests.Fixture;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Ekiben.Tests.Delivery;

/// <summary>A folder of the time when a site had one relay.</summary>
public sealed class SiteRelayMigrationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_site_keeps_the_relay_that_it_sent_by()
    {
        using var folder = new TemporaryFolder();
        var database = new SqliteDatabase(Path.Combine(folder.Path, "ekiben.db"), new WriteGate());
        await using var db = database.OpenEverySite();
        await db.GetService<IMigrator>().MigrateAsync("Sequences", Cancel);
        await db.Database.ExecuteSqlRawAsync(
            """
            INSERT INTO relays (id, name, host, port, tls, connections, created_at, updated_at) VALUES (7, 'Own', '127.0.0.1', 25, 'none', 4, 0, 0);
            INSERT INTO sites (id, uuid, name, is_test, time_zone, guard_key_approvals, tracks_links, is_strict, relay_id, relay_signs, recognizes_repetitions, approver_differs, keys_may_approve, created_at)
            VALUES (1, 'a', 'By its own', FALSE, 'UTC', FALSE, FALSE, FALSE, 7, FALSE, TRUE, FALSE, TRUE, 0), (2, 'b', 'By the server', FALSE, 'UTC', FALSE, FALSE, FALSE, NULL, FALSE, TRUE, FALSE, TRUE, 0);
            """,
            Cancel);

        await db.Database.MigrateAsync(Cancel);

        var use = await db.SiteRelays.SingleAsync(Cancel);
        Assert.Equal((1L, 7L, 1, 0), (use.SiteId.Value, use.RelayId, use.Weight, use.Priority));
        Assert.Equal(0, (await db.Relays.SingleAsync(Cancel)).MessagesPerConnection);
    }
}
