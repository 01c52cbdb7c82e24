using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Ekiben.Storage.Sqlite;

/// <summary>The model on SQLite, with migrations of its own.</summary>
internal sealed class SqliteDb(DbContextOptions<SqliteDb> options) : Db(options)
{
    protected override void OnModelCreating(ModelBuilder model)
    {
        base.OnModelCreating(model);

        // Typed ids get AUTOINCREMENT like plain ones: a number is never given out again after its row was deleted.
        foreach (var key in model.Model.GetEntityTypes().SelectMany(entity => entity.FindPrimaryKey()!.Properties))
        {
            if (key.ValueGenerated == ValueGenerated.OnAdd && IsTypedId(key.ClrType))
            {
                key.SetValueGenerationStrategy(SqliteValueGenerationStrategy.Autoincrement);
            }
        }
    }

    private static bool IsTypedId(Type type) => type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IId<>));
}

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
