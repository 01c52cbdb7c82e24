using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Ekiben.Storage.Postgres.Migrations
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
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateTable(
                name: "domain_keys",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    site_id = table.Column<long>(type: "bigint", nullable: false),
                    domain = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    selector = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    rsa_public_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    rsa_private_key = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    ed25519_public_key = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    ed25519_private_key = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    created_at = table.Column<long>(type: "bigint", nullable: false),
                    active_at = table.Column<long>(type: "bigint", nullable: true),
                    checked_at = table.Column<long>(type: "bigint", nullable: true),
                    check_result = table.Column<string>(type: "text", nullable: true, collation: "C")
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
