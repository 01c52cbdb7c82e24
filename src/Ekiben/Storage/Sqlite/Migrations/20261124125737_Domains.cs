using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Domains : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "relay_signs",
                table: "sites",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateTable(
                name: "domain_keys",
                columns: table => new
                {
                    id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    site_id = table.Column<long>(type: "INTEGER", nullable: false),
                    domain = table.Column<string>(type: "TEXT", nullable: false),
                    selector = table.Column<string>(type: "TEXT", nullable: false),
                    rsa_public_key = table.Column<string>(type: "TEXT", nullable: false),
                    rsa_private_key = table.Column<string>(type: "TEXT", nullable: false),
                    ed25519_public_key = table.Column<string>(type: "TEXT", nullable: true),
                    ed25519_private_key = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    active_at = table.Column<long>(type: "INTEGER", nullable: true),
                    checked_at = table.Column<long>(type: "INTEGER", nullable: true),
                    check_result = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_domain_keys", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_domain_keys_domain_selector",
                table: "domain_keys",
                columns: new[] { "domain", "selector" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_domain_keys_site_id_domain",
                table: "domain_keys",
                columns: new[] { "site_id", "domain" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "domain_keys");

            migrationBuilder.DropColumn(
                name: "relay_signs",
                table: "sites");
        }
    }
}
