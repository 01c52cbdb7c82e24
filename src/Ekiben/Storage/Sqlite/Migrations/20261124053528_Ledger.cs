using Microsoft.EntityFrameworkCore.Migrations;

namespace Ekiben.Storage.Sqlite.Migrations;

/// <summary>The ledger's own tables, see <see cref="LedgerSchema"/>.</summary>
public partial class Ledger : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(LedgerSchema.Create);

    protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(LedgerSchema.Drop);
}
