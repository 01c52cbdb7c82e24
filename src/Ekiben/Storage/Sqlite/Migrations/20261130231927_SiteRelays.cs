using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Sqlite.Migrations
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
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.CreateTable(
                name: "site_relays",
                columns: table => new
                {
                    site_id = table.Column<long>(type: "INTEGER", nullable: false),
                    relay_id = table.Column<long>(type: "INTEGER", nullable: false),
                    weight = table.Column<int>(type: "INTEGER", nullable: false),
                    priority = table.Column<int>(type: "INTEGER", nullable: false)
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

            // By hand: EF would copy the whole table into another, which rows elsewhere point at.
            migrationBuilder.Sql("ALTER TABLE sites DROP COLUMN relay_id");
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
                type: "INTEGER",
                nullable: true);

            // The first of them stays: there is room for one.
            migrationBuilder.Sql("UPDATE sites SET relay_id = (SELECT u.relay_id FROM site_relays u WHERE u.site_id = sites.id ORDER BY u.priority, u.relay_id LIMIT 1)");

            migrationBuilder.DropTable(
                name: "site_relays");
        }
    }
}
