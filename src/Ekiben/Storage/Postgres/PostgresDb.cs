using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Metadata;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

namespace Ekiben.Storage.Postgres;

/// <summary>The model on PostgreSQL, with migrations of its own.</summary>
internal sealed class PostgresDb(DbContextOptions<PostgresDb> options) : Db(options)
{
    protected override void ConfigureConventions(ModelConfigurationBuilder configuration)
    {
        base.ConfigureConventions(configuration);
        // Order, comparison and lower() by bytes, as on SQLite: an audience must not depend on how the database was created.
        configuration.Properties<string>().UseCollation("C");
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        base.OnModelCreating(model);

        // Typed ids are identity columns like plain ones: a number is never given out again after its row was deleted.
        foreach (var key in model.Model.GetEntityTypes().SelectMany(entity => entity.FindPrimaryKey()!.Properties))
        {
            if (key.ValueGenerated == ValueGenerated.OnAdd && IsTypedId(key.ClrType))
            {
                key.SetValueGenerationStrategy(NpgsqlValueGenerationStrategy.IdentityByDefaultColumn);
            }
        }
    }

    private static bool IsTypedId(Type type) => type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IId<>));
}

/// <summary>Lets <c>dotnet ef migrations add</c> build the model without a server.</summary>
internal sealed class PostgresDbDesign : IDesignTimeDbContextFactory<PostgresDb>
{
    public PostgresDb CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<PostgresDb>()
        .UseNpgsql("Host=localhost;Database=design_time")
        // Identity's schema version is read from these services only: without them the passkey table is silently left out.
        .UseApplicationServiceProvider(new ServiceCollection()
            .Configure<IdentityOptions>(identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3)
            .BuildServiceProvider())
        .Options);
}
