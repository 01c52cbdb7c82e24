using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Ekiben.Storage.Postgres.Migrations;

/// <summary>The ledger's own tables, see <see cref="LedgerSchema"/>: EF's model knows none of them.</summary>
[DbContext(typeof(PostgresDb))]
[Migration("20261124102223_Ledger")]
public partial class Ledger : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(LedgerSchema.Create);

    protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(LedgerSchema.Drop);
}
