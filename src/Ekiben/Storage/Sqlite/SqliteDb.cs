using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;

namespace Ekiben.Storage.Sqlite;

/// <summary>The model on SQLite, with migrations of its own.</summary>
internal sealed class SqliteDb(DbContextOptions<SqliteDb> options) : Db(options);

/// <summary>Lets <c>dotnet ef migrations add</c> build the model without starting the server.</summary>
internal sealed class SqliteDbDesign : IDesignTimeDbContextFactory<SqliteDb>
{
    public SqliteDb CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<SqliteDb>()
        .UseSqlite("Data Source=design-time.db")
        // Identity's schema version is read from these services only: without them the passkey table is silently left out.
        .UseApplicationServiceProvider(new ServiceCollection()
            .Configure<IdentityOptions>(identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
            .BuildServiceProvider())
        .Options);
}
