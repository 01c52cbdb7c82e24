using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class SiteRelays : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "messages_per_connection",
                table: "relays",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.CreateTable(
                name: "site_relays",
                columns: table => new
                {
                    site_id = table.Column<long>(type: "bigint", nullable: false),
                    relay_id = table.Column<long>(type: "bigint", nullable: false),
                    weight = table.Column<int>(type: "integer", nullable: false),
                    priority = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_site_relays", x => new { x.site_id, x.relay_id });
                    table.ForeignKey(
                        name: "FK_site_relays_relays_relay_id",
                        column: x => x.relay_id,
                        principalTable: "relays",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "FK_site_relays_sites_site_id",
                        column: x => x.site_id,
                        principalTable: "sites",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "IX_site_relays_relay_id",
                table: "site_relays",
                column: "relay_id");

            // The relay that a site had is its only one.
            migrationBuilder.Sql("INSERT INTO site_relays (site_id, relay_id, weight, priority) SELECT s.id, r.id, 1, 0 FROM sites s JOIN relays r ON r.id = s.relay_id");

            migrationBuilder.DropColumn(
                name: "relay_id",
                table: "sites");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "messages_per_connection",
                table: "relays");

            migrationBuilder.AddColumn<long>(
                name: "relay_id",
                table: "sites",
                type: "bigint",
                nullable: true);

            // The first of them stays: there is room for one.
            migrationBuilder.Sql("UPDATE sites SET relay_id = (SELECT u.relay_id FROM site_relays u WHERE u.site_id = sites.id ORDER BY u.priority, u.relay_id LIMIT 1)");

            migrationBuilder.DropTable(
                name: "site_relays");
        }
    }
}
